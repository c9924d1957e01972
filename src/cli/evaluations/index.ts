/** All evaluations, in the order in which reports show them. */
import { cluster } from './cluster.ts';
import type { Evaluation } from './evaluation.ts';
import { finetune } from './finetune.ts';
import { knn } from './knn.ts';
import { linear } from './linear.ts';
import { logistic } from './logistic.ts';

/** `dino eval <name> <run>` */
export const evaluations: readonly Evaluation[] = [knn, linear, logistic, finetune, cluster];

/** `dino <name> <run>`: what one does with features and attention besides measuring them. */
export const tools: readonly Evaluation[] = [];
