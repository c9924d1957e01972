/**
 * What a session writes down about a run: lines of `log.txt` and TensorBoard scalars, attention snapshots, skipped files.
 *
 * Lines are means over ten steps. The sums of the line that is still open go into every checkpoint, so a resumed run
 * writes the lines of the run that was never stopped.
 */
import { z } from 'zod';
import { serializeSafetensors } from '../format/safetensors.ts';
import type { MethodDefinition } from '../method/definition.ts';
import type { Vitals } from '../method/method.ts';
import { methodNamed } from '../method/registry.ts';
import type { Finding } from '../report/finding.ts';
import { batchOf, type OnlineEval, onlineEvals, type TrainConfig } from '../train/config.ts';
import { COLLAPSE } from '../train/doctor.ts';
import { EXAMINATION, type StepEvent } from '../train/loop.ts';
import { toFlag } from '../train/option-names.ts';
import type { Monitor, Observation } from './monitor.ts';
import type { LogLine, RunFolder } from './run-folder-node.ts';
import type { Criterion } from './session-events.ts';

/** Lines of the log are means over this many steps. */
const LOG_EVERY = 10;

/** What the scores of an observation are called in the log. */
const SCORE_KEYS: Readonly<Record<OnlineEval, string>> = {
  knn: 'knn_top1',
  cluster: 'cluster_nmi',
  linear: 'linear_top1',
};

/** What the score of raw pixels is called there. */
export const PIXELS_KEY = 'knn_pixels';

/** How many images an online evaluation asked. */
export const IMAGES_KEY = 'look_images';

const measuresSchema = z.record(z.string(), z.number());

const openLineSchema = z.object({
  steps: z.number(),
  loss: z.number(),
  measures: measuresSchema,
  gradientNorm: z.number(),
  milliseconds: z.number(),
  waited: z.number(),
});

const vitalsSchema = z.object({
  step: z.number(),
  loss: z.number(),
  measures: measuresSchema,
  lr: z.number(),
  gradientNorm: z.number(),
});

/** What goes into a checkpoint; those of older versions have no `recent`, and the method knows how they are read. */
function openSchema({ readOlder = (stored) => stored }: Pick<MethodDefinition, 'readOlder'>) {
  return z.preprocess(
    readOlder,
    openLineSchema.extend({ recent: z.array(z.preprocess(readOlder, vitalsSchema)).default([]) }),
  );
}

/** Sums over the steps since the last line. */
type OpenLine = z.infer<typeof openLineSchema>;

const EMPTY: OpenLine = { steps: 0, loss: 0, measures: {}, gradientNorm: 0, milliseconds: 0, waited: 0 };

export class RunLog {
  readonly #folder: RunFolder;
  readonly #batchSize: number;
  readonly #method: MethodDefinition;
  readonly #run: { readonly steps: number };
  readonly #skipped: Set<string>;
  #line: OpenLine = EMPTY;
  #recent: readonly Vitals[] = [];

  /** @param run how many steps it has; the last one ends a line */
  constructor(
    folder: RunFolder,
    config: Pick<TrainConfig, 'batchSizePerGpu' | 'ranks' | 'method'>,
    run: { readonly steps: number },
  ) {
    this.#folder = folder;
    this.#batchSize = batchOf(config);
    this.#method = methodNamed(config.method);
    this.#run = run;
    this.#skipped = new Set(
      folder.has('skipped.txt') ? folder.readText('skipped.txt').split('\n').map(keyOf) : [],
    );
  }

  /** The line that is being summed up and what the doctor will look at next, for the checkpoint. */
  get openLine(): string {
    return JSON.stringify({ ...this.#line, recent: this.#recent });
  }

  /** The steps since the doctor last looked. */
  get recent(): readonly Vitals[] {
    return this.#recent;
  }

  /** The last step that a line of the training tells of; 0 if there is none. */
  lastTrained(): number {
    return Math.max(
      0,
      ...this.#folder.readLog().map((line) => ('train_loss' in line ? Number(line.step) : 0)),
    );
  }

  /**
   * Goes back to a checkpoint: forgets what was logged after its step, for those steps are done again.
   *
   * @param step steps done at the checkpoint
   * @param openLine as it was there; undefined at the start of a run
   */
  rewind(step: number, openLine: string | undefined): void {
    const { recent, ...line } =
      openLine === undefined
        ? { ...EMPTY, recent: [] }
        : openSchema(this.#method).parse(JSON.parse(openLine));
    this.#line = line;
    this.#recent = recent;
    const closed = step - this.#line.steps;
    this.#folder.filterLog((logged) => {
      // What was said before the first step stays true.
      if (openLine === undefined) return isFinding(logged) && Number(logged.step) <= step;
      if (logged.severity === 'error') return Number(logged.step) < step; // it will fail again, or it will not
      return Number(logged.step) <= ('train_loss' in logged ? closed : step);
    });
  }

  /** Whether the teacher was evaluated after this step. */
  hasObservation(step: number): boolean {
    return this.#folder.readLog().some((line) => line.step === step && 'feature_cosine' in line);
  }

  /** The best score of a kind after any step from `from` on; -1 if there was none. */
  bestScore(name: Criterion, from = 1): number {
    const values = this.#scores(name).flatMap(([step, value]) => (step >= from ? [value] : []));
    return Math.max(-1, ...values);
  }

  /** The score of a kind after a step. */
  score(name: Criterion, step: number): number | undefined {
    return this.#scores(name).find(([at]) => at === step)?.[1];
  }

  #scores(name: Criterion): [step: number, value: number][] {
    const key = name === 'rank' ? 'feature_rank' : SCORE_KEYS[name];
    return this.#folder.readLog().flatMap((line) => {
      const value = line[key];
      return typeof value === 'number' ? [[Number(line.step), value]] : [];
    });
  }

  /** What raw pixels scored at the first online evaluation. */
  knnOfPixels(): number | undefined {
    const found = this.#folder.readLog().find((line) => typeof line[PIXELS_KEY] === 'number');
    return found === undefined ? undefined : Number(found[PIXELS_KEY]);
  }

  /** The title of the doctor's latest verdict on the steps. */
  lastVerdict(): string {
    return this.lastOn(COLLAPSE)?.title ?? '';
  }

  /** The latest finding on a topic. */
  lastOn(topic: string): { readonly severity: string; readonly title: string } | undefined {
    const line = this.#folder.readLog().findLast((each) => isFinding(each) && each.topic === topic);
    return line === undefined ? undefined : { severity: String(line.severity), title: String(line.title) };
  }

  step(event: StepEvent): void {
    const line = this.#line;
    this.#line = {
      steps: line.steps + 1,
      loss: line.loss + event.loss,
      measures: Object.fromEntries(
        Object.entries(event.measures).map(([key, value]) => [key, (line.measures[key] ?? 0) + value]),
      ),
      gradientNorm: line.gradientNorm + event.gradientNorm,
      milliseconds: line.milliseconds + event.milliseconds,
      waited: line.waited + event.waited,
    };
    const { step, loss, measures, gradientNorm, settings } = event;
    const vitals = { step, loss, measures, lr: settings.lr, gradientNorm };
    this.#recent = (step - 1) % EXAMINATION === 0 ? [vitals] : [...this.#recent, vitals];
    if (step % LOG_EVERY === 0 || step === this.#run.steps) this.#close(event);
  }

  /** Writes the line, under the official names where there are such. */
  #close({ step, epoch, settings }: StepEvent): void {
    const { steps, loss, measures, gradientNorm, milliseconds, waited } = this.#line;
    this.#line = EMPTY;
    const scalars = {
      train_loss: loss / steps,
      train_lr: settings.lr,
      train_wd: settings.weightDecay,
      epoch,
      ...Object.fromEntries(Object.entries(measures).map(([key, sum]) => [key, sum / steps])),
      gradient_norm: gradientNorm / steps,
      ...(this.#method.hasTeacher ? { teacher_momentum: settings.teacherMomentum } : {}),
      ...Object.fromEntries(Object.entries(settings.scalars).map(([name, value]) => [toFlag(name), value])),
      images_per_second: (this.#batchSize * 1000 * steps) / milliseconds,
      waited_share: waited / milliseconds,
    };
    this.#folder.appendLog({ step, ...scalars });
    this.#folder.appendScalars(step, scalars);
  }

  observation(observation: Observation, monitor: Monitor): void {
    const { step, spread, attention } = observation;
    const scores = onlineEvals.flatMap((name) => {
      const value = observation[name];
      return value === undefined ? [] : [[SCORE_KEYS[name], value] as const];
    });
    const scalars = {
      ...Object.fromEntries(scores),
      ...(observation.knnPixels === undefined ? {} : { [PIXELS_KEY]: observation.knnPixels }),
      feature_cosine: spread.meanCosine,
      feature_rank: spread.rank,
    };
    if (attention !== undefined) {
      const side = monitor.attentionSide;
      const images = monitor.watched.examples.length;
      const shape = [images, attention.length / (images * side * side), side, side];
      const metadata = { step: String(step), images: JSON.stringify(monitor.watched.examples) };
      this.#folder.writeAtomic(
        `snapshots/${String(step).padStart(8, '0')}.safetensors`,
        serializeSafetensors(new Map([['attention', { dtype: 'F32', shape, data: attention }]]), metadata),
      );
    }
    this.#folder.appendLog({ step, ...scalars, [IMAGES_KEY]: observation.images });
    this.#folder.appendScalars(step, scalars);
  }

  diagnosis(step: number, { severity, topic, title, detail, advice }: Finding): void {
    this.#folder.appendLog({
      step,
      severity,
      topic,
      title,
      detail,
      ...(advice === undefined ? {} : { advice }),
    });
  }

  /** Lists a file that could not be read, once. */
  skipped(key: string, reason: string): void {
    if (this.#skipped.has(key)) return;
    this.#skipped.add(key);
    this.#folder.appendText('skipped.txt', `${key}\t${reason}\n`);
  }
}

/**
 * Images a second over all training steps of a log, waiting for crops included, evaluations and saves not; NaN where nothing was
 * trained.
 */
export function overallRate(log: readonly LogLine[], batchSize: number): number {
  let [before, images, seconds] = [0, 0, 0];
  for (const { step, images_per_second: rate } of log) {
    if (typeof rate !== 'number') continue;
    const count = (Number(step) - before) * batchSize;
    images += count;
    seconds += count / rate;
    before = Number(step);
  }
  return images / seconds;
}

/** Whether a line of the log is the doctor's, and no failure: a step that failed is done again. */
function isFinding(line: LogLine): boolean {
  return 'severity' in line && line.severity !== 'error';
}

function keyOf(line: string): string {
  return line.split('\t')[0] ?? '';
}
