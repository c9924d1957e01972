/**
 * Runs a session: around the training loop the teacher is evaluated from time to time, and log, TensorBoard events and
 * checkpoints are written into the run folder. Still an iterator of plain events.
 */
import { largestShare } from '../eval/classify/largest-class.ts';
import type { Finding } from '../report/finding.ts';
import { evalsOf } from '../train/config.ts';
import { examineFeatures, FEATURES } from '../train/doctor.ts';
import { type TrainEvent, trainLoop } from '../train/loop.ts';
import { TimeBudget } from '../train/time-budget.ts';
import { BEST, type CheckpointFile, LAST } from './checkpoint-files.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import { finalFindings } from './final-findings.ts';
import { Monitor } from './monitor.ts';
import { writeRecord } from './run-record.ts';
import type { Session } from './session.ts';
import type { Criterion, SessionEvent } from './session-events.ts';
import { Interrupted, type Watch } from './watch.ts';

type Events = AsyncGenerator<SessionEvent, void, undefined>;

/**
 * Runs a session to its end, or until the signal asks it to stop; then the state is saved. It is saved too when something
 * outside the training fails, such as a disk with the images that goes away; the error is thrown after that. An online
 * evaluation that the signal ends is made up for when the run goes on.
 *
 * @param onProgress told of images that are read and shown between steps
 */
export async function* runSession(
  session: Session,
  signal?: AbortSignal,
  onProgress?: Watch['onProgress'],
): Events {
  const course = new Course(session, { signal, onProgress });
  try {
    yield* course.events();
  } catch (error) {
    if (error instanceof Interrupted) yield* course.stopped();
    else {
      yield* course.rescued();
      throw error;
    }
  } finally {
    await course.dispose();
  }
}

/** What happens in a session, and what that takes. */
class Course {
  readonly #session: Session;
  readonly #watch: Watch;
  readonly #keeper: CheckpointKeeper;
  readonly #budget: TimeBudget | undefined;
  readonly #bestBy: Criterion;
  /** Where the run began: after the steps of the weights that it was given. */
  readonly #firstStep: number;
  /** Opened by the first evaluation: it reads images. */
  #monitor: Monitor | undefined;
  #best: number;
  #done: number;

  constructor(session: Session, watch: Watch) {
    const { record, source, plan, log, fromStep, elapsed } = session;
    const { config, init } = record;
    this.#session = session;
    this.#watch = watch;
    this.#keeper = new CheckpointKeeper(session);
    this.#firstStep = init?.fromStep ?? 0;
    // Without labels only a run with something to lose needs a score: in how many directions its features differ.
    this.#bestBy = init !== undefined && source.classes.length < 2 ? 'rank' : evalsOf(config).bestBy;
    this.#best = log.bestScore(this.#bestBy, init === undefined ? 1 : this.#firstStep);
    this.#done = fromStep;
    const evaluations = config.evalEvery > 0 ? plan.scheduleSteps / config.evalEvery : 0;
    this.#budget =
      config.minutes === undefined
        ? undefined
        : new TimeBudget({ plan, milliseconds: config.minutes * 60_000 - elapsed, evaluations });
  }

  async *events(): Events {
    const { fromStep, plan, log, trainer, source, record, loadBatches, ranks } = this.#session;
    const isDue = fromStep === this.#firstStep || this.#isEvaluation(fromStep);
    if (isDue && fromStep < plan.steps && !log.hasObservation(fromStep)) yield* this.#observe(fromStep);
    const { signal } = this.#watch;
    for await (const event of trainLoop({
      ...{ trainer, source, config: record.config, plan, loadBatches, ranks, fromStep },
      lastVerdict: log.lastVerdict(),
      recent: log.recent,
      ...(signal === undefined ? {} : { signal }),
    })) {
      yield event;
      const isBroken = yield* this.#follow(event);
      if (isBroken) return;
    }
  }

  /** What an event of the training asks for. @returns whether the run ends here, as its state cannot be saved */
  async *#follow(event: TrainEvent): AsyncGenerator<SessionEvent, boolean, undefined> {
    const { log, plan } = this.#session;
    const { step } = 'step' in event ? event : { step: this.#done };
    switch (event.type) {
      case 'step': {
        this.#done = step;
        log.step(event);
        this.#budget?.step(event.milliseconds);
        if (step === plan.steps) break; // see 'finished'
        // The evaluation comes first: what a checkpoint says was done is in the log.
        if (this.#isEvaluation(step)) yield* this.#observe(step);
        yield* this.#keepTime(step);
        if (!this.#keeper.isDue(step)) break;
        const saved = await this.#save(step, LAST);
        yield saved;
        return saved.type === 'failed';
      }
      case 'skipped':
        log.skipped(event.key, event.reason);
        break;
      case 'diagnosis':
        log.diagnosis(step, event.diagnosis);
        break;
      case 'failed':
        log.diagnosis(step, event.diagnosis);
        if (event.finite) yield await this.#save(step, LAST);
        break;
      case 'stopped':
        yield await this.#save(step, LAST);
        break;
      case 'finished':
        yield* this.#observe(step);
        yield* this.#conclude(step);
        yield await this.#save(step, LAST);
        yield* this.#compare(step);
        break;
    }
    return false;
  }

  /** An evaluation was ended from outside. */
  async *stopped(): Events {
    yield await this.#save(this.#done, LAST);
    yield { type: 'stopped', step: this.#done };
  }

  /** Something outside the training failed: keeps what was done. */
  async *rescued(): Events {
    if (this.#done <= this.#keeper.saved) return;
    let kept: SessionEvent | undefined;
    try {
      kept = await this.#save(this.#done, LAST);
    } catch {
      // The disk is full, say: the first error tells, and the previous checkpoint is untouched.
    }
    if (kept?.type === 'saved') yield { type: 'stopped', step: this.#done };
  }

  async dispose(): Promise<void> {
    await this.#monitor?.dispose();
  }

  async #save(step: number, file: CheckpointFile): Promise<SessionEvent> {
    const diagnosis = await this.#keeper.save(step, file);
    if (diagnosis === undefined) return { type: 'saved', step, file };
    this.#session.log.diagnosis(step, diagnosis);
    return { type: 'failed', step, diagnosis, finite: false };
  }

  *#say(step: number, diagnosis: Finding): Generator<SessionEvent> {
    this.#session.log.diagnosis(step, diagnosis);
    yield { type: 'diagnosis', step, diagnosis };
  }

  async *#observe(step: number): Events {
    const { record, source, engine, trainer, plan, log } = this.#session;
    const { config, init } = record;
    if (config.evalEvery === 0) return;
    this.#monitor ??= await Monitor.create(source, config, engine, this.#watch);
    const asked = performance.now();
    const teacher = await trainer.evaluatedWeights();
    const observation = await this.#monitor.observe(step, teacher, step === this.#firstStep);
    this.#budget?.evaluated(performance.now() - asked);
    log.observation(observation, this.#monitor);
    yield { type: 'observed', observation };
    const { spread, images } = observation;
    const finding = examineFeatures(spread, images, trainer.method, step / plan.steps);
    // Features that differ are worth a word only after they did not.
    const last = log.lastOn(FEATURES)?.severity ?? 'ok';
    if (step > this.#firstStep && finding !== undefined && finding.severity !== last)
      yield* this.#say(step, finding);
    const score = this.#bestBy === 'rank' ? spread.rank : observation[this.#bestBy];
    if (score !== undefined && (step > 0 || init !== undefined) && score > this.#best) {
      this.#best = score;
      yield await this.#save(step, BEST);
    }
  }

  /** Changes the pace where time has turned out to be more or less than planned; a resumed run repeats the changes that were made. */
  *#keepTime(step: number): Generator<SessionEvent> {
    const { plan, record, folder } = this.#session;
    if (this.#budget === undefined || plan.isChangedFrom(step)) return;
    const steps = this.#budget.revisedSteps(step);
    if (steps === undefined) return;
    record.paces.push(plan.change(step, steps));
    writeRecord(folder, record);
    yield { type: 'paced', step, steps: plan.steps };
  }

  /** Evaluations are spread over the schedule, whatever its pace. */
  #isEvaluation(step: number): boolean {
    const { plan, record } = this.#session;
    const { evalEvery } = record.config;
    if (evalEvery === 0) return false;
    const count = (at: number): number => Math.floor(plan.position(at) / evalEvery);
    return count(step) > count(step - 1);
  }

  /** For a run that began with weights: were they better? */
  *#compare(step: number): Generator<SessionEvent> {
    const { log, record } = this.#session;
    const [before, after] = [log.score(this.#bestBy, this.#firstStep), log.score(this.#bestBy, step)];
    if (record.init === undefined || before === undefined || after === undefined) return;
    const kept = this.#best > before ? 'during' : 'before';
    yield { type: 'compared', measure: this.#bestBy, before, after, kept };
  }

  *#conclude(step: number): Generator<SessionEvent> {
    const { record, log, plan, source } = this.#session;
    const { config, init } = record;
    const start = init === undefined ? 'the untrained network' : 'the network it began with';
    const { queries = [], queryLabels = [] } = this.#monitor?.watched ?? {};
    const largest =
      source.classes.length > 1 ? largestShare(queryLabels, source.classes.length)?.top1 : undefined;
    const { stepsPerEpoch } = plan;
    const end = {
      config,
      log,
      step,
      stepsPerEpoch,
      firstStep: this.#firstStep,
      start,
      images: queries.length,
      largest,
    };
    for (const finding of finalFindings(end)) yield* this.#say(step, finding);
  }
}
