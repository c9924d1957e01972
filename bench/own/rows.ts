/** Rows that both sides of a table make alike: groups around centers, from a generator of two lines that Python has too. */
export function groupedRows(count: number, dim: number, groups: number): Float32Array {
  // Numerical Recipes' 32-bit linear congruential generator; peer/rows.py is the same.
  let state = 12345;
  const draw = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const centers = Float64Array.from({ length: groups * dim }, draw);
  return Float32Array.from(
    { length: count * dim },
    (_, i) => centers[(Math.floor(i / dim) % groups) * dim + (i % dim)]! + draw(),
  );
}
