/** Lengths of time in words. */

/** 75 -> "1 min 15 s", 2.34 -> "2.3 s" */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds > 0 && seconds < 9.95) return `${Number(seconds.toPrecision(2))} s`;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
