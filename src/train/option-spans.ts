/** Options that say one thing in several ways: a span counted in steps, in epochs or in minutes. */
import { definitions } from '../method/registry.ts';

/** Ways to say how long a run is. */
export const lengths = ['epochs', 'steps', 'minutes'] as const;

/** Ways to say one thing, of which one is enough. */
function spans(): readonly (readonly string[])[] {
  return [
    lengths,
    ['warmupEpochs', 'warmupSteps'],
    ...definitions().flatMap((definition) => definition.spans),
  ];
}

/** The options among those given that say the same thing as another one, by groups. */
export function givenSpans(given: Readonly<Record<string, unknown>>): string[][] {
  return spans().map((span) => span.filter((name) => given[name] !== undefined));
}

/** Options without those that say the same thing as one that is given, in other words or in the same. */
export function withoutGiven<T>(
  options: Readonly<Record<string, T>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => given[name] === undefined && !spanIsGiven(name, given)),
  );
}

/** Whether something is given that says what this option says. */
export function spanIsGiven(name: string, given: Readonly<Record<string, unknown>>): boolean {
  return spans().some(
    (span) => span.some((each) => each === name) && span.some((each) => given[each] !== undefined),
  );
}
