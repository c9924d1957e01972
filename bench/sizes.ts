/** The networks and crops that the tables measure, by name. The peers hold the same list in `peer/sizes.py`. */
export interface Size {
  readonly network: VitSize | ConvNetSize;
  /** Side of the two global crops and of the local ones, in pixels, and how many local ones. */
  readonly image: number;
  readonly local: number;
  readonly locals: number;
  /** Outputs of the head (K), its hidden width, its bottleneck, and whether it has batch norm. */
  readonly outputs: number;
  readonly hidden: number;
  readonly bottleneck: number;
  readonly headNorm: boolean;
  /** How the teacher's outputs are centered; by the moving center unless said. */
  readonly centering?: 'sinkhorn';
  /** Images in a step. */
  readonly batch: number;
}

export interface VitSize {
  readonly kind: 'vit';
  /** Embedding size, blocks, attention heads, side of a patch in pixels. */
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly patch: number;
}

interface ConvNetSize {
  readonly kind: 'convnet';
  /** Channels and residual blocks of each stage. */
  readonly widths: readonly number[];
  readonly blocks: readonly number[];
  /** How much the stem shrinks the image, and with what. */
  readonly stemStride: number;
  readonly stem?: 'conv' | 'patch';
  /** Heads of the attention that pools the last maps; without them it is the mean. */
  readonly heads?: number;
}

const head = { hidden: 2048, bottleneck: 256, headNorm: false };
const smallHead = { hidden: 512, bottleneck: 128, headNorm: true };
const large = { ...head, image: 224, local: 96, locals: 8, outputs: 65536, batch: 4 };

export const sizes = {
  /** ViT-S/16, 2 x 224 + 8 x 96. */
  s: { ...large, network: { kind: 'vit', dim: 384, depth: 12, heads: 6, patch: 16 } },
  /** ViT-Ti/16, 2 x 224 + 8 x 96. */
  ti: { ...large, network: { kind: 'vit', dim: 192, depth: 12, heads: 3, patch: 16 } },
  /** A network for 32 px images, 2 x 32 + 4 x 16. */
  micro: {
    ...head,
    network: { kind: 'vit', dim: 128, depth: 6, heads: 4, patch: 4 },
    ...{ image: 32, local: 16, locals: 4, outputs: 1024, batch: 64 },
  },
  /** ViT-Ti with patches of 4 on 32 px images, 2 x 32 + 4 x 16: for devices. */
  ti32: {
    ...head,
    network: { kind: 'vit', dim: 192, depth: 12, heads: 3, patch: 4 },
    ...{ image: 32, local: 16, locals: 4, outputs: 4096, batch: 256 },
  },
  /** A network for 96 px images, 2 x 96 + 4 x 48. */
  mid: {
    ...head,
    network: { kind: 'vit', dim: 192, depth: 6, heads: 3, patch: 8 },
    ...{ image: 96, local: 48, locals: 4, outputs: 1024, batch: 32 },
  },
  /** The convolutional net of `--arch convnet` on 32 px images. */
  convnet: {
    ...smallHead,
    network: { kind: 'convnet', widths: [32, 64, 128], blocks: [1, 1, 1], stemStride: 2 },
    ...{ image: 32, local: 16, locals: 0, outputs: 1024, batch: 128 },
  },
  /** What the automatic recipe trains in half an hour on 32 px images, and on larger ones (its crops are smaller than the images). */
  hybrid: {
    ...{ ...smallHead, centering: 'sinkhorn' },
    network: { kind: 'convnet', widths: [32, 64, 128], blocks: [0, 1, 1], stemStride: 2, heads: 24 },
    ...{ image: 24, local: 16, locals: 0, outputs: 256, batch: 128 },
  },
  hybrid48: {
    ...{ ...smallHead, centering: 'sinkhorn' },
    network: {
      ...{ kind: 'convnet', widths: [32, 64, 128], blocks: [0, 1, 1], heads: 24 },
      ...{ stemStride: 4, stem: 'patch' },
    },
    ...{ image: 48, local: 24, locals: 4, outputs: 256, batch: 128 },
  },
} as const satisfies Record<string, Size>;

export type SizeName = keyof typeof sizes;

/** What tables call the sizes. */
export const sizeTitles: Readonly<Record<SizeName, string>> = {
  s: 'ViT-S/16 2x224+8x96 K 65536 batch 4',
  ti: 'ViT-Ti/16 2x224+8x96 K 65536 batch 4',
  micro: 'micro-ViT 2x32+4x16 K 1024 batch 64',
  ti32: 'ViT-Ti/4 2x32+4x16 K 4096 batch 256',
  mid: 'ViT 192x6/8 2x96+4x48 K 1024 batch 32',
  convnet: 'convnet 32-64-128 2x32 K 1024 batch 128',
  hybrid: 'hybrid 32-64-128 2x24 K 256 batch 128',
  hybrid48: 'hybrid 32-64-128 2x48+4x24 K 256 batch 128',
};
