/** What an evaluation is of: a trained network with its settings, and the same network before its first step beside it. */
import type { BackboneConfig } from '../model/backbone.ts';
import { backboneOf } from '../train/build.ts';
import { networkWeights } from '../train/checkpoint.ts';
import type { TrainConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder-node.ts';
import { readRecord } from '../train/run-record.ts';
import { untrainedWeights, type Weights, weightsUnder } from './frozen-backbone.ts';

export interface Subject {
  /** The path as it was given. */
  readonly name: string;
  readonly folder: RunFolder;
  readonly config: TrainConfig;
  readonly backbone: BackboneConfig;
  /** Side of the network's usual input, pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  /** The teacher's backbone. */
  readonly trained: Weights;
  /** What the run's seed started from. */
  readonly untrained: Weights;
}

/**
 * Opens a run's network.
 *
 * @param checkpoint the latest one, or the one with the best score
 * @throws Error if there is no run, no such checkpoint, or it is damaged
 */
export function openSubject(path: string, checkpoint: 'last' | 'best' = 'last'): Subject {
  const folder = RunFolder.open(path);
  const { config } = readRecord(folder);
  const file = checkpoint === 'best' ? 'best.safetensors' : 'checkpoint.safetensors';
  if (!folder.has(file)) {
    throw new Error(
      `${folder.file(file)} does not exist: let the run write one first, or choose another --checkpoint.`,
    );
  }
  const backbone = backboneOf(config);
  const teacher = networkWeights(folder.read(file), folder.file(file), 'teacher');
  return {
    name: path,
    folder,
    config,
    backbone,
    size: config.globalCropsSize,
    channels: config.channels,
    trained: weightsUnder(teacher, 'backbone.'),
    untrained: untrainedWeights(backbone, config.globalCropsSize, config.seed),
  };
}
