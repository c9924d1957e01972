/** Numbers as they stand in sentences. */

/** "1 image", "2 images"; of words with another plural "3 copies". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A number with so many digits after the point, which is never a negative zero: 0.000 for -0.0001. */
export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text;
}
