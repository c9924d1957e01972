/** Writes the checkpoints of a run: the last one when enough was done since, the best one when a score rises. */
import type { Finding } from '../report/finding.ts';
import { explainNotFinite } from '../train/doctor.ts';
import { findNotFinite } from '../train/state.ts';
import { type CheckpointFile, LAST, writeCheckpoint } from './checkpoint-files.ts';
import type { Session } from './session.ts';

/** Saving goes by steps and by time, so that a kill costs two minutes of work at most; milliseconds. */
const SAVE_AFTER = 100_000;

export class CheckpointKeeper {
  readonly #session: Session;
  readonly #started = performance.now();
  /** The step that the last checkpoint holds. */
  saved: number;
  #savedAt = this.#started;

  constructor(session: Session) {
    this.#session = session;
    this.saved = session.fromStep;
  }

  /** Whether it is time for the last checkpoint to be written again. */
  isDue(step: number): boolean {
    const { saveEvery } = this.#session.record.config;
    return step % saveEvery === 0 || performance.now() - this.#savedAt > SAVE_AFTER;
  }

  /**
   * Never replaces a good checkpoint by one that holds NaN.
   *
   * @returns what is wrong with the state, if it was not saved
   */
  async save(step: number, file: CheckpointFile): Promise<Finding | undefined> {
    const broken = await findNotFinite(this.#session.trainer.state);
    if (broken !== undefined) return explainNotFinite(step, 'A weight', broken);
    const elapsed = this.#session.elapsed + performance.now() - this.#started;
    await writeCheckpoint(this.#session, file, { step, elapsed });
    if (file === LAST) [this.saved, this.#savedAt] = [step, performance.now()];
    return undefined;
  }
}
