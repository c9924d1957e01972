/** One line that is rewritten in place on a terminal; plain lines now and then anywhere else. */

export interface ProgressLine {
  /** Shows a text, replacing the previous one. */
  show(text: string): void;
  /** Shows a text in place of the previous one, if no line that stays has come after that. */
  update(text: string): void;
  /** Prints a line that stays. */
  print(text: string): void;
  /** Ends: a terminal has the line for what is printed next, a file its last text. */
  end(): void;
}

const PLAIN_EVERY = 5_000;

export function progressLine(stream: NodeJS.WriteStream): ProgressLine {
  /** A text stands on the terminal. */
  let shown = false;
  /** A text was the last that came, whether it was written or not. */
  let standing = false;
  let last = Number.NEGATIVE_INFINITY;
  let latest = '';
  const clear = (): void => {
    if (shown) stream.write('\r\u001b[2K');
    shown = false;
  };
  const show = (text: string): void => {
    latest = text;
    standing = true;
    if (stream.isTTY) {
      clear();
      stream.write(fitted(text, Math.max(10, (stream.columns ?? 100) - 1)));
      shown = true;
      return;
    }
    if (performance.now() - last < PLAIN_EVERY) return;
    last = performance.now();
    latest = '';
    stream.write(`${text}\n`);
  };
  return {
    show,
    update(text) {
      if (standing) show(text);
    },
    print(text) {
      clear();
      standing = false;
      latest = ''; // what stays says how far it went
      stream.write(`${text}\n`);
    },
    end() {
      clear();
      if (!stream.isTTY && latest !== '') stream.write(`${latest}\n`);
      standing = false;
      latest = '';
    },
  };
}

/** What fits of a text: the first of its parts, which two spaces divide; of a single one the end, where its numbers are. */
function fitted(text: string, width: number): string {
  if (text.length <= width) return text;
  const end = text.lastIndexOf('  ', width);
  return end > 0 ? text.slice(0, end) : `…${text.slice(1 - width)}`;
}

/** Work that goes on in phases, each from nothing to all: "features of photos: 32 of 500". */
export interface Phases {
  show(what: string, done: number, total: number): void;
  /** The latest phase has come to its end. */
  finish(): void;
}

/**
 * Phases on a line. One that is followed by another is shown to its end, since some of its work may have needed none: images that
 * cannot be read, say, or steps after which nothing changes any more.
 */
export function phasesOn(line: ProgressLine, prefix = ''): Phases {
  let current: { what: string; done: number; total: number } | undefined;
  const text = (what: string, done: number, total: number): string => `${prefix}${what}: ${done} of ${total}`;
  const finish = (): void => {
    if (current !== undefined && current.done < current.total)
      line.update(text(current.what, current.total, current.total));
    current = undefined;
  };
  return {
    show(what, done, total) {
      if (current !== undefined && (current.what !== what || done < current.done)) finish();
      current = { what, done, total };
      line.show(text(what, done, total));
    },
    finish,
  };
}
