/** The steps that the table `methods` measures, by name. The peer is sent the same descriptions (bench/peer/methods.py). */
import type { MaeDecoderConfig } from '../src/model/masked-autoencoder.ts';
import { type SizeName, sizes, type VitSize } from './sizes.ts';

/** A head on prototypes, as DINO's. */
interface Prototypes {
  readonly outputs: number;
  readonly hidden: number;
  readonly bottleneck: number;
}

export type MethodWork = {
  readonly title: string;
  readonly network: VitSize | { readonly kind: 'resnet50' };
  /** Side of the views in pixels; DINOv2 has smaller ones besides. */
  readonly image: number;
  /** Images in a step. */
  readonly batch: number;
} & (
  | { readonly method: 'byol'; readonly hidden: number; readonly outputs: number }
  | {
      readonly method: 'simclr';
      readonly hidden: number;
      readonly outputs: number;
      readonly temperature: number;
    }
  | { readonly method: 'mae'; readonly maskRatio: number; readonly decoder: MaeDecoderConfig }
  | ({
      readonly method: 'dinov2';
      readonly local: number;
      readonly locals: number;
      readonly registers: number;
    } & Prototypes)
  | { readonly method: 'distill'; readonly teacher: VitSize }
  | ({ readonly method: 'dino' } & Prototypes)
);

const { s, ti, micro } = sizes;
const [large, small] = [
  { network: s.network, image: 224 },
  { network: micro.network, image: 32, batch: 64 },
];
const prototypes = ({ outputs, hidden, bottleneck }: (typeof sizes)[SizeName]): Prototypes => ({
  outputs,
  hidden,
  bottleneck,
});

/** Heads are those of the papers on ViT-S, and those that the automatic recipe takes on the micro-ViT. */
export const methodWorks: Readonly<Record<string, MethodWork>> = {
  'byol-s': {
    ...{ ...large, method: 'byol', hidden: 4096, outputs: 256, batch: 8 },
    title: 'BYOL ViT-S/16 2x224 batch 8',
  },
  'byol-micro': {
    ...{ ...small, method: 'byol', hidden: 512, outputs: 128 },
    title: 'BYOL micro-ViT 2x32 batch 64',
  },
  'simclr-s': {
    ...{ ...large, method: 'simclr', hidden: 2048, outputs: 128, temperature: 0.1, batch: 8 },
    title: 'SimCLR ViT-S/16 2x224 batch 8',
  },
  'simclr-micro': {
    ...{ ...small, method: 'simclr', hidden: 512, outputs: 128, temperature: 0.2 },
    title: 'SimCLR micro-ViT 2x32 batch 64',
  },
  'mae-s': {
    ...{ ...large, method: 'mae', maskRatio: 0.75, decoder: { dim: 512, depth: 8, heads: 16 }, batch: 16 },
    title: 'MAE ViT-S/16 224, decoder 512x8, batch 16',
  },
  'mae-micro': {
    ...{ ...small, method: 'mae', maskRatio: 0.75, decoder: { dim: 96, depth: 1, heads: 3 } },
    title: 'MAE micro-ViT 32, decoder 96x1, batch 64',
  },
  'dinov2-s': {
    ...{ ...large, method: 'dinov2', local: 96, locals: s.locals, registers: 4, batch: 4 },
    ...prototypes(s),
    title: `DINOv2 ViT-S/16 2x224+${s.locals}x96 K 65536 batch 4`,
  },
  'dinov2-micro': {
    ...{ ...small, method: 'dinov2', local: 16, locals: micro.locals, registers: 4 },
    ...prototypes(micro),
    title: `DINOv2 micro-ViT 2x32+${micro.locals}x16 K 1024 batch 64`,
  },
  'distill-s': {
    ...{ ...large, method: 'distill', network: ti.network, teacher: s.network, batch: 8 },
    title: 'distillation ViT-S/16 to ViT-Ti/16 224 batch 8',
  },
  'distill-micro': {
    ...{ ...small, method: 'distill', teacher: { ...s.network, patch: 8 } },
    title: 'distillation ViT-S/8 to micro-ViT 32 batch 64',
  },
  resnet50: {
    ...{ network: { kind: 'resnet50' }, method: 'dino', image: 96, batch: 16 },
    ...prototypes(s),
    title: 'DINO ResNet-50 2x96 K 65536 batch 16',
  },
};

export function methodWorkNamed(name: string): MethodWork {
  const work = methodWorks[name];
  if (work === undefined)
    throw new Error(`There is no work "${name}": use ${Object.keys(methodWorks).join(', ')}.`);
  return work;
}
