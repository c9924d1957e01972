/**
 * The training loop: straight code that yields plain events. Whoever wants to show, log or store something listens; the
 * loop itself writes nothing. Ending the iteration early (a `break`, an `AbortSignal`) ends it between two steps, on all ranks.
 */
import { type ChosenCrops, CropAssembler } from '../data/assemble.ts';
import type { Batch, BatchLoader } from '../data/batch.ts';
import { Lookahead } from '../data/lookahead.ts';
import type { Source } from '../data/source.ts';
import { viewSizes } from '../image/augment.ts';
import type { Vitals } from '../method/method.ts';
import type { Finding } from '../report/finding.ts';
import { type Agreed, agree } from './between-steps.ts';
import { cropRecipeOf } from './build.ts';
import { batchOf, type TrainConfig } from './config.ts';
import { examine, explainNotFinite } from './doctor.ts';
import type { Plan } from './plan.ts';
import { findNotFinite } from './state.ts';
import type { CropSources, StepSettings, Trainer } from './trainer.ts';

export interface StepEvent {
  readonly type: 'step';
  /** Steps done, this one included. */
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  /** What the method watches, by the keys of its measures. */
  readonly measures: Readonly<Record<string, number>>;
  /** Largest L2 norm of a parameter's gradient. */
  readonly gradientNorm: number;
  readonly settings: StepSettings;
  /** Milliseconds this step took, and how many of them were spent waiting for crops. */
  readonly milliseconds: number;
  readonly waited: number;
}

export type TrainEvent =
  | StepEvent
  | { readonly type: 'skipped'; readonly key: string; readonly reason: string }
  | { readonly type: 'diagnosis'; readonly step: number; readonly diagnosis: Finding }
  /** `step` steps are done, the next one failed; `finite` tells whether the state after them is worth saving. */
  | {
      readonly type: 'failed';
      readonly step: number;
      readonly diagnosis: Finding;
      readonly finite: boolean;
    }
  | { readonly type: 'stopped'; readonly step: number }
  | { readonly type: 'finished'; readonly step: number };

export interface LoopOptions {
  readonly trainer: Trainer;
  readonly source: Source;
  readonly config: TrainConfig;
  readonly plan: Plan;
  /** Makes the batches; in Node `loadBatches`. */
  readonly loadBatches: BatchLoader;
  /** Steps that are done already. */
  readonly fromStep?: number;
  /** Title of the doctor's verdict on the steps that are done; it is told again only when it changes. */
  readonly lastVerdict?: string;
  /** The steps that are done and that the doctor has not looked at. */
  readonly recent?: readonly Vitals[];
  readonly signal?: AbortSignal;
  /** Told before the first step, where other ranks wait to be told what to do. */
  readonly ranks?: { begin(loop: TrainedLoop): Promise<void> } | undefined;
}

/** What ranks have to know to train together. */
export type TrainedLoop = Pick<LoopOptions, 'trainer' | 'config' | 'plan'> & { readonly fromStep: number };

/** How often the doctor looks, in steps. */
export const EXAMINATION = 50;

/** Trains from `fromStep` to the end of the plan. */
export async function* trainLoop(options: LoopOptions): AsyncGenerator<TrainEvent, void, undefined> {
  const { trainer, source, config, plan, loadBatches, fromStep = 0, signal } = options;
  const { collective } = trainer;
  const recipe = cropRecipeOf(config);
  requireViews(trainer, viewSizes(recipe));
  const assembler = new CropAssembler({ channels: config.channels, viewSizes: viewSizes(recipe) });
  const firstViews = firstViewOf(trainer);
  const vitals: Vitals[] = [...(options.recent ?? [])];
  let { lastVerdict = '' } = options;
  /** The doctor's verdict on the latest steps, if it is another one than before. */
  const verdict = (step: number): TrainEvent[] => {
    if (step % EXAMINATION !== 0) return [];
    const [diagnosis] = examine(vitals.splice(0), trainer.method);
    if (diagnosis === undefined || diagnosis.title === lastVerdict) return [];
    lastVerdict = diagnosis.title;
    return [{ type: 'diagnosis', step, diagnosis }];
  };
  // A run may have been stopped after its step was saved and before the doctor looked.
  yield* verdict(fromStep);
  if (fromStep >= plan.steps) {
    yield { type: 'finished', step: plan.steps };
    return;
  }
  await options.ranks?.begin({ trainer, config, plan, fromStep });
  let started = performance.now();
  const cropsOf = ({ crops }: Batch): CropSources => {
    const chosen = (group: number, start: number, end: number): ChosenCrops => {
      const first = firstViews[group] ?? 0;
      const views = [first, first + (trainer.method.views[group]?.count ?? 0)] as const;
      return { views, images: [start, end] };
    };
    return {
      pixels: (group, start, end, into) => assembler.write(crops, chosen(group, start, end), into),
      bytes: (group, start, end, into) => assembler.copy(crops, chosen(group, start, end), into),
    };
  };
  const loaded = loadBatches(source, {
    recipe,
    batchSize: batchOf(config),
    part: { first: collective.rank * trainer.batchSize, images: trainer.batchSize },
    seed: config.seed,
    fromStep,
    // A budget in minutes may turn out to hold more steps than were planned.
    toStep: config.minutes === undefined ? plan.steps : Number.MAX_SAFE_INTEGER,
    workers: config.numWorkers,
    loadSize: config.loadSize,
  });
  const batches = new Lookahead(loaded);
  for await (const batch of batches) {
    const waited = performance.now() - started;
    for (const { key, reason } of batch.skipped) yield { type: 'skipped', key, reason };
    const settings = plan.at(batch.step);
    // A device computes by itself: the crops of the next step go there meanwhile.
    let staging: Promise<void> | undefined;
    const { loss, measures, gradientNorms, isApplied } = await trainer.step(cropsOf(batch), settings, () => {
      batch.release();
      if (trainer.isOneProgram && batch.step + 1 < plan.steps)
        staging = batches.peek().then((next) => {
          if (next !== undefined) trainer.stage(cropsOf(next), next.step);
        });
    });
    await staging;
    const gradientNorm = Math.max(...gradientNorms.values());
    if (!isApplied) {
      const broken = await findNotFinite(trainer.state);
      const what = Number.isFinite(loss) ? 'A gradient' : 'The loss';
      const diagnosis = explainNotFinite(batch.step + 1, what, trainer.method, broken);
      yield { type: 'failed', step: batch.step, diagnosis, finite: broken === undefined };
      return;
    }
    const step = batch.step + 1;
    const now = performance.now();
    let agreed: Agreed = { stops: true, skipped: [] };
    try {
      yield {
        type: 'step',
        step,
        epoch: batch.epoch,
        loss,
        measures,
        gradientNorm,
        settings,
        milliseconds: now - started,
        waited,
      };
      vitals.push({ step, loss, measures, lr: settings.lr, gradientNorm });
      yield* verdict(step);
      agreed = { stops: signal?.aborted === true, skipped: batch.skipped };
    } finally {
      // Where the iteration was ended the other ranks have to know of it.
      agreed = await agree(collective, { step, ...agreed }, plan);
    }
    for (const { key, reason } of agreed.skipped) yield { type: 'skipped', key, reason };
    if (agreed.stops && step < plan.steps) {
      yield { type: 'stopped', step };
      return;
    }
    if (step >= plan.steps) break;
    started = performance.now();
  }
  yield { type: 'finished', step: plan.steps };
}

/** @throws RangeError if the crops are others than the method was made for */
function requireViews({ method }: Trainer, sizes: readonly number[]): void {
  const wanted = method.views.flatMap(({ size, count }) => new Array<number>(count).fill(size));
  if (wanted.join() !== sizes.join())
    throw new RangeError(
      `The crops have sides of ${sizes.join(', ')} pixels and ${method.name} was made for ${wanted.join(', ')}.`,
    );
}

/** The number of the first view of each group. */
function firstViewOf(trainer: Trainer): number[] {
  let view = 0;
  return trainer.method.views.map(({ count }) => {
    const first = view;
    view += count;
    return first;
  });
}
