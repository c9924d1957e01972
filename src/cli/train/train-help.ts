/** `dino train --help`. */
import { definitions, methodNamed } from '../../method/registry.ts';
import { trainGroups } from '../../train/config.ts';
import { examples } from '../examples.ts';
import { helpSwitch, renderHelp } from '../terminal/help.ts';
import { recipeDefaults } from './recipe-defaults.ts';
import { trainFields, trainSwitches } from './train-flags.ts';

/** @param method whose own options are shown @throws UnknownMethodError */
export function trainHelp(method: string): string {
  const { label, paper, about } = methodNamed(method);
  const others = definitions().flatMap(({ name }) => (name === method ? [] : [`--method ${name} --help`]));
  return renderHelp({
    usage: ['dino train <source> [flags]', 'dino train --resume <run> [--minutes|--steps|--epochs]'],
    about:
      'Trains on a folder of images, a tar or zip of one, a WebDataset, Parquet files of Hugging Face, CIFAR-10 binary or IDX files. What is not given is chosen by the recipe: --recipe auto fits it to the images and the budget, and --dry_run shows each choice with its reason; the values of both recipes stand in brackets. ' +
      `The options are those of ${label} (${paper}): ${about}.${others.length === 0 ? '' : ` Other methods: ${others.join(', ')}.`}`,
    examples: examples.train,
    groups: [
      { title: 'Run', fields: trainFields, switches: { ...trainSwitches, ...helpSwitch } },
      ...trainGroups(method),
    ],
    remark: recipeDefaults(method),
  });
}
