/** All evaluations, in the order in which reports show them. */
import { cluster } from './cluster.ts';
import type { Evaluation } from './evaluation.ts';
import { knn } from './knn.ts';
import { map } from './map.ts';

/** `dino eval <name> <run>` */
export const evaluations: readonly Evaluation[] = [knn, cluster];

/** `dino <name> <run>`: what one does with features and attention besides measuring them. */
export const tools: readonly Evaluation[] = [map];
