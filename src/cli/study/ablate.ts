/** `dino ablate <source>`: a method with one component after the other left out or exchanged, to see what each is for. */
import { z } from 'zod';
import { DEFAULT_METHOD, definitions, methodNamed } from '../../method/registry.ts';
import { BASE, variantEntries } from '../../run/study.ts';
import { examples } from '../examples.ts';
import type { Place } from '../place.ts';
import { renderHelp } from '../terminal/help.ts';
import { runStudy } from './run-study.ts';
import { parseStudy, studyHelpGroups } from './study-flags.ts';

/** Of all methods that can be taken apart. */
const names = (): string[] => [
  ...new Set(definitions().flatMap(({ variants = [] }) => variants.map(({ name }) => name))),
];

const ownFields = () => ({
  components: z
    .array(z.enum([BASE, ...names()]))
    .min(1)
    .refine((all) => new Set(all).size === all.length, { message: 'must be different components' })
    .describe(
      `what is left out or exchanged, all of these unless given, and the base is always there: ${names().join(', ')}`,
    ),
});

const help = (): string =>
  renderHelp({
    usage: ['dino ablate <source> [flags]'],
    about:
      'Trains a method as its recipe does, and again with one component after the other left out or exchanged: the ablations of its paper on your images. They stand beside each other in a table and in comparison.html, with the entropy and KL of the runs that collapse. Every run is an ordinary run folder. The same command goes on where it was stopped. All other options of dino train do as well, and are given to all runs.',
    examples: examples.ablate,
    groups: studyHelpGroups('Components', ownFields()),
  });

/** @returns the exit code */
export async function ablate(args: readonly string[], place: Place): Promise<number> {
  const own = ownFields();
  const surplus = (word: string): string =>
    `"${word}" is no component, and the images are one word: choose --components from ${names().join(', ')}.`;
  const request = parseStudy(args, { command: 'ablate', own, surplus }, place);
  if (request === undefined) {
    console.log(help());
    return 0;
  }
  const { components } = z.object(own).partial().parse(request.own);
  return runStudy(
    {
      ...request,
      command: 'ablate',
      title: `Components of ${methodNamed(request.options.method ?? DEFAULT_METHOD).label}`,
      plan: (base) => variantEntries(components, base),
    },
    place,
  );
}
