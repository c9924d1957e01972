/** The methods that there are. Nothing else in the library names one. */

import { byolDefinition } from './byol-options.ts';
import type { MethodDefinition } from './definition.ts';
import { dinoDefinition } from './dino-options.ts';
import { dinov2Definition } from './dinov2-options.ts';
import { distillDefinition } from './distill-options.ts';
import { maeDefinition } from './mae-options.ts';
import { OptionError } from './option-error.ts';
import { simclrDefinition } from './simclr-options.ts';

/** What a run trains unless told otherwise, and what runs of versions without a choice trained. */
export const DEFAULT_METHOD = dinoDefinition.name;

const known = new Map(
  [dinoDefinition, byolDefinition, simclrDefinition, maeDefinition, dinov2Definition, distillDefinition].map(
    (definition) => [definition.name, definition],
  ),
);

/** A name that is of no method. */
export class UnknownMethodError extends OptionError {
  override name = 'UnknownMethodError';
}

/** Makes a method of one's own known by its name, to recipes, runs and whatever reads their folders. */
export function addMethod(definition: MethodDefinition): void {
  known.set(definition.name, definition);
}

export function definitions(): readonly MethodDefinition[] {
  return [...known.values()];
}

/** @throws UnknownMethodError */
export function methodNamed(name: string): MethodDefinition {
  const found = known.get(name);
  if (found === undefined)
    throw new UnknownMethodError(
      `There is no method "${name}" in this version: choose ${[...known.keys()].join(' or ')}.`,
    );
  return found;
}
