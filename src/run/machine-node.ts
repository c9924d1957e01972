/** This machine under Node: ONNX Runtime on its processor, and worker threads that decode and crop. */
import { coresOfRank } from '../collective/mpi-node.ts';
import { loadBatches } from '../data/loader-node.ts';
import { ortNode } from '../engine/ort-node.ts';
import type { Machine } from './machine.ts';

/**
 * `prepare({ source, options, ...nodeMachine })`
 */
export const nodeMachine: Machine & { readonly cores: number } = {
  engine: ortNode,
  loadBatches,
  cores: coresOfRank(),
};
