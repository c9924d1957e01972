/** `dino train --help`. */
import { trainGroups } from '../../train/config.ts';
import { examples } from '../examples.ts';
import { helpSwitch, renderHelp } from '../terminal/help.ts';
import { recipeDefault } from './recipe-defaults.ts';
import { trainFields, trainSwitches } from './train-flags.ts';

export function trainHelp(): string {
  return renderHelp({
    usage: ['dino train <source> [flags]', 'dino train --resume <run> [--minutes|--steps|--epochs]'],
    about:
      'Trains on a folder of images, a tar or zip of one, a WebDataset, Parquet files of Hugging Face, CIFAR-10 binary or IDX files. What is not given is chosen by the recipe: --recipe auto fits it to the images and the budget, and --dry_run shows each choice with its reason; the values of both recipes stand in brackets.',
    examples: examples.train,
    groups: [
      { title: 'Run', fields: trainFields, switches: { ...trainSwitches, ...helpSwitch } },
      ...trainGroups,
    ],
    remark: recipeDefault,
  });
}
