/** All evaluations, in the order in which reports show them. */
import { attend } from './attend.ts';
import { cluster } from './cluster.ts';
import type { Evaluation } from './evaluation.ts';
import { knn } from './knn.ts';
import { masks } from './masks.ts';
import { video } from './video.ts';

/** `dino eval <name> <run>` */
export const evaluations: readonly Evaluation[] = [knn, cluster, masks, video];

/** `dino <name> <run>`: what one does with features and attention besides measuring them. */
export const tools: readonly Evaluation[] = [attend];
