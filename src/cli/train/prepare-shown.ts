/** Prepares a run before the eyes of its user: what is being done, the recipe with its reasons, and what the run will take. */
import { counted } from '../../numbers/counted.ts';
import { roughly, stepTime } from '../../run/duration.ts';
import { type Prepared, type PrepareOptions, prepare } from '../../run/prepare.ts';
import type { RunFolder } from '../../run/run-folder-node.ts';
import { batchOf } from '../../train/config.ts';
import { findingLine } from '../../train/finding.ts';
import { toFlag } from '../../train/option-names.ts';
import type { Recipe } from '../../train/recipe.ts';
import type { Trainer } from '../../train/trainer.ts';
import { progressLine } from '../terminal/progress.ts';
import { textWidth, wrapBehind } from '../terminal/wrap.ts';

/** Share of a device's memory that a batch may fill. */
const FILLED = 0.8;

/** @param folder of the run; it goes if nothing can be prepared */
export async function prepareShown(options: PrepareOptions, folder?: RunFolder): Promise<Prepared> {
  const line = progressLine(process.stderr);
  const prepared = await prepare({
    ...options,
    onProgress: (what) => line.show(what),
    onRecipe: (recipe) => {
      line.end();
      printRecipe(recipe, options.source.length);
    },
  })
    .finally(() => line.end())
    .catch((error: unknown) => {
      folder?.removeIfEmpty();
      throw error;
    });
  printPlan(prepared, options.dryRun === true);
  return prepared;
}

/** The recipe with its reasons. */
function printRecipe({ config, choices }: Recipe, images: number): void {
  if (choices.length === 0) return;
  const width = Math.max(...choices.map(({ name }) => name.length)) + 3;
  const values = Math.max(...choices.map(({ value }) => value.length));
  console.error(`Recipe ${config.recipe} for ${counted(images, 'image')}:`);
  for (const { name, value, reason } of choices) {
    const front = `  ${`--${toFlag(name)}`.padEnd(width + 2)} ${value.padEnd(values)}  `;
    for (const line of wrapBehind(front, reason, textWidth(process.stderr))) console.error(line);
  }
}

/** What `--dry_run --json` prints. */
export function planFacts({ config, choices, plan, trainer, stepMilliseconds, findings }: Prepared) {
  const { steps, stepsPerEpoch } = plan;
  return {
    type: 'plan',
    ...{ steps, stepsPerEpoch, parameters: parametersOf(trainer), stepMilliseconds },
    ...{ config, choices, findings },
  };
}

function parametersOf({ state }: Prepared['trainer']): number {
  return state.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** What the run will take, and what the doctor says of it. */
function printPlan(
  { config, plan, trainer, stepMilliseconds, findings }: Prepared,
  isEstimate: boolean,
): void {
  const parameters = parametersOf(trainer);
  const state = parameters * 4 * 5;
  console.error(
    `${(parameters / 1e6).toFixed(2)} million parameters, ${(state / 2 ** 20).toFixed(0)} MiB of training state, ` +
      `micro-batches of ${trainer.microBatch}, ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB in memory now.`,
  );
  const fits = deviceSentence(trainer, config.batchSizePerGpu);
  if (fits !== undefined) console.error(fits);
  const time =
    stepMilliseconds === undefined
      ? ''
      : `, ${stepTime(stepMilliseconds)} a step, ${roughly((plan.steps * stepMilliseconds) / 1000)}`;
  const basis = isEstimate
    ? ` (estimated from one micro-batch of ${trainer.microBatch}; reading images and online evaluations come on top)`
    : '';
  console.error(
    `${counted(plan.steps, 'step')} of ${counted(batchOf(config), 'image')}${config.ranks === undefined ? '' : ` (${config.batchSizePerGpu} on each of ${config.ranks} ranks)`} (${plan.stepsPerEpoch} in an epoch)${time}${basis}.`,
  );
  for (const finding of findings) console.error(findingLine(finding));
}

/** How much of a device a step takes, and which batch would fill it. */
export function deviceSentence({ memory }: Pick<Trainer, 'memory'>, batch: number): string | undefined {
  if (memory === undefined) return undefined;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;
  const { bytes, limit } = memory;
  if (limit === undefined) return `A step takes ${gib(bytes)} of the device.`;
  // Weights and moments do not grow with the batch: a batch that fills the device is larger than this.
  const most = 2 ** Math.floor(Math.log2((FILLED * limit * batch) / bytes));
  const more = most > batch ? `; --batch_size_per_gpu ${most} fits as well` : '';
  return `A step takes ${gib(bytes)} of the device's ${gib(limit)}${more}.`;
}
