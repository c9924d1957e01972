/** The name of a method as it was given, which may be mistyped. */
import { DEFAULT_METHOD, definitions } from '../../method/registry.ts';
import { UsageError } from '../terminal/flags.ts';
import { nearestName } from '../terminal/nearest-name.ts';

/**
 * @param where it was given, if not on the command line: a file
 * @throws UsageError with the nearest name, or all of them
 */
export function knownMethod(given: unknown = DEFAULT_METHOD, where?: string): string {
  const names = definitions().map(({ name }) => name);
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const nearest = nearestName(String(given), names);
  const wayOut =
    nearest === undefined ? ` There are ${names.join(', ')}.` : ` Did you mean --method ${nearest}?`;
  throw new UsageError(`${where === undefined ? '' : `${where}: `}There is no method "${given}".${wayOut}`);
}
