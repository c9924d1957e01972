/** Rounds halves to the even number, as Python's `round`, NumPy and IEEE arithmetic do. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
