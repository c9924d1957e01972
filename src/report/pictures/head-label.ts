/** Attention heads are counted from 1 wherever people meet them: in reports, file names and JSON. Arrays of them begin at 0. */

/** @param head its place in an array, from 0 */
export function headNumber(head: number): number {
  return head + 1;
}

/** `head 3` for the third head, whose place is 2. */
export function headLabel(head: number): string {
  return `head ${headNumber(head)}`;
}
