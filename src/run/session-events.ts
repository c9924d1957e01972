/** What a session tells while it runs. */
import type { OnlineEval } from '../train/config.ts';
import type { TrainEvent } from '../train/loop.ts';
import type { Observation } from './monitor.ts';

export type SessionEvent =
  | TrainEvent
  | { readonly type: 'observed'; readonly observation: Observation }
  | { readonly type: 'saved'; readonly step: number; readonly file: string }
  /** A budget in minutes: the run will have this many steps. */
  | { readonly type: 'paced'; readonly step: number; readonly steps: number }
  /** The weights that a run began with beside those it ends with; `best.safetensors` holds the better ones. */
  | {
      readonly type: 'compared';
      readonly measure: Criterion;
      readonly before: number;
      readonly after: number;
      readonly kept: 'before' | 'during';
    };

/** By what the best checkpoint of a run is chosen; the rank of the features is for images without labels. */
export type Criterion = OnlineEval | 'rank';
