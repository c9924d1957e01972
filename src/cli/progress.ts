/** One line that is rewritten in place on a terminal; plain lines now and then anywhere else. */

export interface ProgressLine {
  /** Shows a text, replacing the previous one. */
  show(text: string): void;
  /** Prints a line that stays. */
  print(text: string): void;
  /** Leaves the last text standing. */
  end(): void;
}

const PLAIN_EVERY = 5_000;

export function progressLine(stream: NodeJS.WriteStream): ProgressLine {
  let shown = false;
  let last = Number.NEGATIVE_INFINITY;
  let latest = '';
  const clear = (): void => {
    if (shown) stream.write('\r\u001b[2K');
    shown = false;
  };
  return {
    show(text) {
      latest = text;
      if (stream.isTTY) {
        clear();
        stream.write(text.slice(0, Math.max(10, (stream.columns ?? 100) - 1)));
        shown = true;
        return;
      }
      if (performance.now() - last < PLAIN_EVERY) return;
      last = performance.now();
      latest = '';
      stream.write(`${text}\n`);
    },
    print(text) {
      clear();
      stream.write(`${text}\n`);
    },
    end() {
      if (shown) stream.write('\n');
      else if (!stream.isTTY && latest !== '') stream.write(`${latest}\n`);
      shown = false;
    },
  };
}
