/** Shows a running session on a terminal, or as JSON lines. */

import type { Measure } from '../../method/method.ts';
import { counted, fixed } from '../../numbers/counted.ts';
import { BEST } from '../../run/checkpoint-files.ts';
import { duration, timeLeft } from '../../run/duration.ts';
import { overallRate } from '../../run/run-log.ts';
import { runSession } from '../../run/run-session.ts';
import type { Session } from '../../run/session.ts';
import type { SessionEvent } from '../../run/session-events.ts';
import { batchOf } from '../../train/config.ts';
import { findingLine } from '../../train/finding.ts';
import { exitCodes } from '../exit-codes.ts';
import { whenOutputCloses } from '../terminal/closed-output.ts';
import { phasesOn, progressLine } from '../terminal/progress.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type Outcome = 'finished' | 'stopped' | 'failed';

/**
 * Runs a session to its end. Ctrl-C asks it to stop after the step in progress; a second one ends the process. A terminal
 * or a reader that goes away stops it too, and the state is saved.
 */
export async function showSession(session: Session, { json }: { readonly json: boolean }): Promise<Outcome> {
  const abort = new AbortController();
  const line = progressLine(process.stderr);
  const interrupt = (): void => {
    if (abort.signal.aborted) {
      line.end();
      process.exit(exitCodes.stopped);
    }
    line.print('Stopping after this step; the state will be saved (Ctrl-C again to quit at once).');
    abort.abort();
  };
  for (const signal of signals) process.on(signal, interrupt);
  const closed = whenOutputCloses(() => abort.abort());
  const pace = new Pace(session);
  let outcome: Outcome = 'finished';
  try {
    const looking = phasesOn(line);
    for await (const event of runSession(session, abort.signal, looking.show)) {
      looking.finish();
      if (json) process.stdout.write(`${JSON.stringify(event, finite)}\n`);
      if (event.type === 'stopped' || event.type === 'failed') outcome = event.type;
      if (event.type === 'step') line.show(pace.line(event));
      const lasting = lastingLine(event, session);
      if (lasting !== undefined) line.print(lasting);
    }
  } finally {
    line.end();
    for (const signal of signals) process.off(signal, interrupt);
    closed();
  }
  return outcome;
}

/** A score of fewer images is hardly one. */
const FEW = 100;

/** JSON has no NaN; attention maps stay in the run folder. */
function finite(_: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  return value instanceof Float32Array ? counted(value.length, 'number') : value;
}

function lastingLine(event: SessionEvent, { folder, record }: Session): string | undefined {
  switch (event.type) {
    case 'observed': {
      const { step, knn, cluster, linear, spread, images } = event.observation;
      const few = images < FEW ? `only ${counted(images, 'image')}` : undefined;
      const [score, ...more] = [
        ...(knn === undefined ? [] : [`20-NN ${fixed(knn, 1)} %`]),
        ...(cluster === undefined ? [] : [`clusters NMI ${fixed(cluster, 3)}`]),
        ...(linear === undefined ? [] : [`linear ${fixed(linear, 1)} %`]),
      ];
      const of = score === undefined && few !== undefined ? few : 'different images';
      const said = [
        ...(score === undefined ? [] : [few === undefined ? score : `${score} (${few})`]),
        ...more,
        ...(images < 2
          ? [] // one image is like itself
          : [`features of ${of}: mean cosine ${fixed(spread.meanCosine, 3)}, rank ${fixed(spread.rank, 1)}`]),
      ].join(', ');
      return said === '' ? undefined : `step ${step}: ${said}`;
    }
    case 'diagnosis':
    case 'failed':
      return findingLine(event.diagnosis);
    case 'skipped':
      return `skipped ${event.key}: ${event.reason}`;
    case 'compared':
      return comparison(event);
    case 'stopped':
      return `Stopped after step ${event.step}. Go on with: npx dino train --resume ${folder.path}`;
    case 'finished': {
      const rate = overallRate(folder.readLog(), batchOf(record.config));
      if (Number.isNaN(rate)) return undefined;
      const seconds = (event.step * batchOf(record.config)) / rate;
      return `Trained ${counted(event.step, 'step')} in ${duration(seconds)}, ${rate.toFixed(0)} images/s over all of them.`;
    }
    default:
      return undefined;
  }
}

const measures = {
  knn: 'k-NN (%)',
  linear: 'Linear accuracy (%)',
  cluster: 'NMI of clusters',
  rank: 'The rank of the features (their participation ratio)',
} as const;

function comparison({ measure, before, after, kept }: Extract<SessionEvent, { type: 'compared' }>): string {
  const digits = measure === 'cluster' ? 3 : 1;
  const numbers = `${measures[measure]} was ${fixed(before, digits)} before and is ${fixed(after, digits)} now`;
  return kept === 'before'
    ? `${numbers}: no online evaluation during the run was better than the weights it began with, and ${BEST} holds those.`
    : `${numbers}: ${BEST} holds the best weights of the run.`;
}

/** Rate and time left, by the latest steps. */
class Pace {
  readonly #batch: number;
  readonly #plan: Session['plan'];
  /** What the method watches; the first of it is shown. */
  readonly #measures: readonly Measure[];
  readonly #latest: number[] = [];
  #shown = 0;
  /** When a budget in minutes is used up, on the clock of `performance.now`. */
  readonly #end: number | undefined;

  constructor({ record, plan, elapsed, trainer }: Session) {
    const { minutes } = record.config;
    this.#batch = batchOf(record.config);
    this.#plan = plan;
    this.#measures = trainer.method.measures;
    this.#end = minutes === undefined ? undefined : performance.now() + minutes * 60_000 - elapsed;
  }

  line(event: Extract<SessionEvent, { type: 'step' }>): string {
    // The first step waits for workers to start.
    if (++this.#shown === 2) this.#latest.length = 0;
    this.#latest.push(event.milliseconds);
    if (this.#latest.length > 50) this.#latest.shift();
    const mean = this.#latest.reduce((a, b) => a + b, 0) / this.#latest.length;
    const steps = this.#plan.steps - event.step;
    const left =
      this.#end === undefined || steps === 0 ? steps * mean : Math.max(0, this.#end - performance.now());
    return [
      `step ${event.step}/${this.#plan.steps}`,
      `epoch ${event.epoch}`,
      `${((this.#batch * 1000) / mean).toFixed(0)} images/s lately`,
      timeLeft(left / 1000),
      `loss ${fixed(event.loss, 4)}`,
      ...this.#measures.slice(0, 1).map(({ key, name }) => `${name} ${fixed(event.measures[key] ?? 0, 3)}`),
      `lr ${event.settings.lr.toExponential(2)}`,
    ]
      .filter((part) => part !== '')
      .join('  ');
  }
}
