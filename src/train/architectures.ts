/** The networks that a run can be asked for by name (`--arch`), and their families. */
import type { ResnetName } from '../model/resnet.ts';
import type { XcitName } from '../model/xcit-sizes.ts';

/** Networks of the literature, whose shape is fixed by their names. */
const xcits = [
  'xcit_small_12_p16',
  'xcit_small_12_p8',
  'xcit_medium_24_p16',
  'xcit_medium_24_p8',
] as const satisfies readonly XcitName[];
const resnets = ['resnet18', 'resnet50'] as const satisfies readonly ResnetName[];

export const architectures = [
  ...(['hybrid', 'convnet', 'vit', 'vit_tiny', 'vit_small', 'vit_base'] as const),
  ...resnets,
  ...xcits,
] as const;
export type Architecture = (typeof architectures)[number];

/** Families of networks: options say something about some of them only. */
export type NetworkKind = 'hybrid' | 'convnet' | 'vit' | 'resnet' | 'xcit';

export function kindOf(arch: Architecture): NetworkKind {
  if (arch === 'hybrid' || arch === 'convnet') return arch;
  return isResnet(arch) ? 'resnet' : isXcit(arch) ? 'xcit' : 'vit';
}

export const isResnet = (arch: Architecture): arch is (typeof resnets)[number] =>
  resnets.some((each) => each === arch);
export const isXcit = (arch: Architecture): arch is (typeof xcits)[number] =>
  xcits.some((each) => each === arch);

/** Those that are shaped by `widths` and `blocks` and normalize by batches. */
export function isConvolutional(arch: Architecture): arch is 'hybrid' | 'convnet' {
  return arch === 'hybrid' || arch === 'convnet';
}
