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

/** What is left of a run, in whole seconds; nothing below one. */
export function timeLeft(seconds: number): string {
  return seconds < 1 ? '' : `${duration(Math.round(seconds))} left`;
}

/** How long a step takes: 0.841 -> "0.84 ms", 780 -> "780 ms", 1240 -> "1.2 s", 78_400 -> "78 s" */
export function stepTime(milliseconds: number): string {
  const [value, unit] = milliseconds < 999.5 ? [milliseconds, 'ms'] : [milliseconds / 1000, 's'];
  return `${value < 9.95 ? Number(value.toPrecision(2)) : Math.round(value)} ${unit}`;
}

/** A time that is estimated, in its largest unit: 44.6 -> "about 45 s", 170 -> "about 3 min", 20_000 -> "about 5.6 h" */
export function roughly(seconds: number): string {
  if (seconds < 1) return 'less than 1 s';
  if (seconds < 90) return `about ${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `about ${Math.round(minutes)} min`;
  const hours = minutes / 60;
  if (hours < 48) return `about ${Number(hours.toFixed(hours < 10 ? 1 : 0))} h`;
  return `about ${Math.round(hours / 24)} days`;
}
