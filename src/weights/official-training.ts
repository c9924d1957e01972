/**
 * A full training checkpoint of the official code as options of a training here: its network and head by the shapes of their tensors,
 * and the settings that a run is gone on with by `args`.
 */
import type { PickleValue } from '../format/pickle-values.ts';
import { inferVit, untoldHeads } from './infer-config.ts';
import type { TrainingCheckpoint } from './official-checkpoint.ts';

export interface OfficialTraining {
  readonly vit: Readonly<Record<'dim' | 'patchSize' | 'channels' | 'depth' | 'heads' | 'hidden', number>>;
  /** Side of the images that the network was made for, pixels. */
  readonly imageSize: number;
  /** Options of DINO's head. */
  readonly head: Readonly<Record<string, number | boolean>>;
  /** Settings that a run is gone on with, by the names they have in `args`. */
  readonly settings: ReadonlyMap<string, PickleValue>;
  /** What DINO keeps besides networks, by its name here. */
  readonly state: ReadonlyMap<string, Float32Array>;
}

/** Names in `args` of what is gone on with. */
const CONTINUED = [
  ...['epochs', 'batch_size_per_gpu', 'optimizer', 'lr', 'min_lr', 'warmup_epochs'],
  ...['weight_decay', 'weight_decay_end', 'clip_grad', 'momentum_teacher'],
  ...['teacher_temp', 'warmup_teacher_temp', 'warmup_teacher_temp_epochs', 'freeze_last_layer'],
  ...['drop_path_rate', 'global_crops_scale', 'local_crops_scale', 'local_crops_number'],
];

/**
 * @param name of the file, for errors
 * @param given attention heads, where something says them
 * @throws Error if it is of another network than a ViT, or it is open how many heads that has
 */
export function officialTraining(
  { shapes, normLastLayer, center, args }: TrainingCheckpoint,
  name: string,
  given?: number,
): OfficialTraining {
  const shape = (key: string): readonly number[] => shapes.get(key) ?? [];
  const count = (pattern: RegExp): number => [...shapes.keys()].filter((key) => pattern.test(key)).length;
  if (!shapes.has('backbone.pos_embed'))
    throw new Error(
      `${name} is a full checkpoint of another network than a ViT: give that of a ViT, or a run.`,
    );
  const backbone = new Map(
    [...shapes].map(([key, found]) => [key.replace(/^backbone\./, ''), { shape: found }]),
  );
  const known = given === undefined ? { name } : { name, heads: given };
  const { dim, patchSize, channels, depth, heads, mlpRatio, imageSize } = inferVit(backbone, known);
  if (heads === undefined) throw untoldHeads(name, dim);
  const headLayers = [...shapes].filter(
    ([key, { length }]) => key.startsWith('head.mlp') && key.endsWith('weight') && length === 2,
  ).length;
  const [outDim = 1, headBottleneckDim = 1] = shape('head.last_layer.weight_v');
  const [headHiddenDim = 1] = headLayers > 1 ? shape('head.mlp.0.weight') : [1];
  return {
    vit: { dim, patchSize, channels, depth, heads, hidden: Math.round(dim * mlpRatio) },
    imageSize,
    head: {
      outDim,
      headHiddenDim,
      headBottleneckDim,
      headLayers,
      normLastLayer,
      useBnInHead: count(/^head\.mlp\.\d+\.running_mean$/) > 0,
    },
    settings: new Map([...args].filter(([key]) => CONTINUED.includes(key))),
    state: new Map(center === undefined ? [] : [['center', center]]),
  };
}
