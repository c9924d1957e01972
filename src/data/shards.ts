/** Which of a folder's shards are one data set: their names begin with the part they belong to, `train-00000-of-00002.parquet`. */

export interface ShardPart {
  readonly taken: readonly string[];
  /** Shards of other parts, such as `test`. */
  readonly left: readonly string[];
}

/** The training part where there are several, all shards otherwise. */
export function partOf(shards: readonly string[]): ShardPart {
  const isTraining = (path: string): boolean => /(^|[/\\])train[^/\\]*$/i.test(path);
  const isOther = (path: string): boolean => /(^|[/\\])(val|test|dev)[^/\\]*$/i.test(path);
  if (!shards.some(isTraining) || !shards.some(isOther)) return { taken: shards, left: [] };
  return { taken: shards.filter((path) => !isOther(path)), left: shards.filter(isOther) };
}
