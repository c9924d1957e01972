/** Evenly spaced numbers as PyTorch's float32 `linspace` rounds them: it counts from the nearer end. */
export function linspaceFloat32(start: number, end: number, count: number): number[] {
  const [first, last] = [Math.fround(start), Math.fround(end)];
  const step = Math.fround(Math.fround(last - first) / Math.max(count - 1, 1));
  return Array.from({ length: count }, (_, i) =>
    i < count / 2
      ? Math.fround(first + Math.fround(step * i))
      : Math.fround(last - Math.fround(step * (count - 1 - i))),
  );
}
