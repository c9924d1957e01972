/** All evaluations, in the order in which reports show them. */
import { attend } from './attend/attend.ts';
import { cluster } from './cluster.ts';
import { copies } from './copies.ts';
import { dedupe } from './dedupe.ts';
import { embed } from './embed.ts';
import type { Evaluation } from './evaluation.ts';
import { finetune } from './finetune.ts';
import { knn } from './knn.ts';
import { linear } from './linear.ts';
import { logistic } from './logistic.ts';
import { map } from './map.ts';
import { masks } from './masks.ts';
import { retrieval } from './retrieval/retrieval.ts';
import { search } from './search/search.ts';
import { video } from './video.ts';

/** `dino eval <name> <run>` */
export const evaluations: readonly Evaluation[] = [
  knn,
  linear,
  logistic,
  finetune,
  cluster,
  masks,
  retrieval,
  copies,
  video,
];

/** `dino <name> <run>`: what one does with features and attention besides measuring them. */
export const tools: readonly Evaluation[] = [attend, map, embed, search, dedupe];
