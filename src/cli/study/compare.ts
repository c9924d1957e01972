/** `dino compare <source> --methods dino byol ...`: the same backbone trained by several methods on the same images, side by side. */
import { z } from 'zod';
import { definitions } from '../../method/registry.ts';
import { methodEntries } from '../../run/study.ts';
import { examples } from '../examples.ts';
import type { Place } from '../place.ts';
import { UsageError } from '../terminal/flags.ts';
import { renderHelp } from '../terminal/help.ts';
import { runStudy } from './run-study.ts';
import { parseStudy, studyHelpGroups } from './study-flags.ts';

const names = (): string[] => definitions().map(({ name }) => name);

/** Methods that are added later are known, too. */
const ownFields = () => ({
  methods: z
    .array(z.enum(names()))
    .min(1)
    .refine((methods) => new Set(methods).size === methods.length, { message: 'must be different methods' })
    .describe('what is compared'),
});

const help = (): string =>
  renderHelp({
    usage: ['dino compare <source> --methods <names> [flags]'],
    about:
      'Trains one backbone by several methods on the same images with the same budget, each with its own recipe, and shows them beside each other, beside the untrained network and raw pixels: a table, and comparison.html with accuracy over time and over images, and attention. Every run is an ordinary run folder. The same command goes on where it was stopped. All other options of dino train do as well, and are given to every method that has them: --arch, --batch_size_per_gpu, --teacher.',
    examples: examples.compare,
    groups: studyHelpGroups('Methods', ownFields()),
  });

/** @returns the exit code */
export async function compare(args: readonly string[], place: Place): Promise<number> {
  const own = ownFields();
  const surplus = (word: string): string =>
    `There is no method "${word}": choose --methods from ${names().join(', ')}. If it is a part of the path of the images, put quotes around that.`;
  const request = parseStudy(args, { command: 'compare', own, surplus }, place);
  if (request === undefined) {
    console.log(help());
    return 0;
  }
  const { methods } = z.object(own).partial().parse(request.own);
  if (methods === undefined)
    throw new UsageError(`Which methods? Give --methods with some of ${names().join(', ')}.`);
  if (request.options.method !== undefined)
    throw new UsageError('--method trains one: dino compare takes --methods with all of them.');
  return runStudy(
    {
      ...request,
      command: 'compare',
      title: 'Methods compared',
      plan: (base) => ({ entries: methodEntries(methods, base) }),
    },
    place,
  );
}
