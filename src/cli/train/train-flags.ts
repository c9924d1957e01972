/** The flags of `dino train` besides the options of the training itself (`optionFields`). */
import { z } from 'zod';
import type { Fields } from '../../method/definition.ts';
import { optionFields } from '../../train/config.ts';

const newRunFields = {
  dataPath: z.string().describe('the images, if they are not given as the first word'),
  outputDir: z.string().describe('the run folder to make; runs/<time> unless given'),
  seeds: z
    .array(z.number().int().min(0).max(0xffffffff))
    .min(1)
    .refine((seeds) => new Set(seeds).size === seeds.length, { message: 'must be different numbers' })
    .describe(
      'several runs, one for each seed, in folders below the output folder; mean and standard deviation of their final scores are shown and kept in seeds.json',
    ),
  init: z
    .string()
    .describe(
      'begin with these weights: a run folder, an official checkpoint.pth, or a backbone in any layout',
    ),
};

export const trainFields = {
  ...newRunFields,
  config: z
    .string()
    .describe(
      'a YAML or JSON file of options, such as the config.json of a run; flags that are given too override it',
    ),
  resume: z
    .string()
    .describe(
      'a run folder: go on with it where it was stopped; with another --minutes, --steps or --epochs, up to that',
    ),
  distUrl: z
    .string()
    .describe(
      'where ranks that torchrun, Slurm or you started meet (RANK, WORLD_SIZE): tcp://host:port on the machine of rank 0; env:// takes MASTER_ADDR and MASTER_PORT, and unless given',
    )
    .meta({ value: 'address' }),
};

export const trainSwitches = {
  dryRun: 'show recipe, size, memory, measured step time and time needed; train nothing',
  json: 'print events as JSON lines on standard output',
} as const;

/** Official flags that do nothing here, with the reason. */
export const ignoredTrainFlags = {
  useFp16: 'numbers are float32; --precision says what an XLA device multiplies with',
  localRank: 'the launcher tells each process which it is by its environment',
  saveckpFreq: 'checkpoints are counted in steps: --save_every',
} as const;

/** Every flag with a value. */
export const allTrainFields = (): Fields => ({ ...trainFields, ...optionFields() });

/** What a file of options may hold. */
export const fileFields = (): Fields => ({ ...newRunFields, ...optionFields() });
