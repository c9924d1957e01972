/**
 * Average precision as DINO's evaluations take it (`utils.compute_ap`, `score_ap_from_ranks_1`): the area under the
 * precision-recall curve by trapezoids, a little below the mean of the precisions at the positives.
 */

/**
 * @param positions 0-based places of the positives that were found, ascending
 * @param positives how many there are, found or not
 * @returns 0 to 1; NaN where there are no positives
 */
export function averagePrecision(positions: ArrayLike<number>, positives: number): number {
  if (positives === 0) return Number.NaN;
  let area = 0;
  for (let i = 0; i < positions.length; i++) {
    const place = positions[i]!;
    const before = place === 0 ? 1 : i / place;
    area += (before + (i + 1) / (place + 1)) / 2;
  }
  return area / positives;
}

/** Mean of those that are defined; NaN where none is. */
export function meanDefined(values: ArrayLike<number>): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    sum += values[i]!;
    count++;
  }
  return sum / count;
}
