/** Texts as wide as the terminal. */

/** Columns of a stream's terminal, at least 80 and at most 100, which is as far as eyes follow a line; 100 in a file. */
export function textWidth({ columns = 100 }: Pick<NodeJS.WriteStream, 'columns'>): number {
  return Math.min(100, Math.max(80, columns));
}

/** Lines of at most `width` characters, broken between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** A text behind what stands in front of its first line: the lines after that begin below it. */
export function wrapBehind(front: string, text: string, width: number): string[] {
  const indent = ' '.repeat(front.length);
  return wrap(text, Math.max(20, width - front.length)).map((line, i) => (i === 0 ? front : indent) + line);
}
