/** All evaluations, in the order in which reports show them. */
import { cluster } from './cluster.ts';
import { copies } from './copies.ts';
import { dedupe } from './dedupe.ts';
import { embed } from './embed.ts';
import type { Evaluation } from './evaluation.ts';
import { finetune } from './finetune.ts';
import { knn } from './knn.ts';
import { linear } from './linear.ts';
import { logistic } from './logistic.ts';
import { retrieval } from './retrieval.ts';
import { search } from './search.ts';

/** `dino eval <name> <run>` */
export const evaluations: readonly Evaluation[] = [
  knn,
  linear,
  logistic,
  finetune,
  cluster,
  retrieval,
  copies,
];

/** `dino <name> <run>`: what one does with features and attention besides measuring them. */
export const tools: readonly Evaluation[] = [embed, search, dedupe];
