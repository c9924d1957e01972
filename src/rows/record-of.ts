/** Records whose names are known to the type checker, which `Object.fromEntries` forgets. */

/** @param pairs with one pair for each name of the type */
export function recordOf<Name extends string, Value>(
  pairs: Iterable<readonly [Name, Value]>,
): Record<Name, Value> {
  return Object.fromEntries(pairs) as Record<Name, Value>;
}
