/** Counts in words. */

/** `1 image`, `2 images`. @param many the plural, where it is not made by an s */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
