/**
 * Layer-wise learning-rate decay (Clark et al. 2020; BEiT's `LayerDecayValueAssigner`): the head learns at the full rate, each
 * layer below it `decay` times as fast as the one above. Patch embedding, class token and positions are one layer, each
 * block is one, and the last norm goes with the head. A convolutional network is treated alike: its stem, then its blocks;
 * the class blocks of an XCiT follow those of its patches.
 */
import type { BackboneConfig } from './backbone.ts';

/**
 * @param decay 1 for the same rate everywhere
 * @returns the factor of a parameter by its name, such as `backbone.blocks.0.norm1.weight` or `head.weight`
 */
export function layerDecay(backbone: BackboneConfig, decay: number): (name: string) => number {
  const blocks = blocksOf(backbone);
  const layer = (name: string): number => {
    const within = name.startsWith('backbone.') ? name.slice('backbone.'.length) : undefined;
    if (within === undefined) return blocks + 1;
    if (backbone.kind === 'vit' || backbone.kind === 'xcit') {
      const [, ofClass, block] = /^(cls_attn_)?blocks\.(\d+)\./.exec(within) ?? [];
      if (block !== undefined) return (ofClass === undefined ? 0 : backbone.depth) + Number(block) + 1;
      return within.startsWith('norm.') ? blocks + 1 : 0;
    }
    if (within.startsWith('pool.')) return blocks + 1;
    const block = /^layer(\d+)\.(\d+)\./.exec(within);
    return block === null ? 0 : sum(backbone.blocks.slice(0, Number(block[1]) - 1)) + Number(block[2]) + 1;
  };
  return (name) => decay ** (blocks + 1 - layer(name));
}

function blocksOf(backbone: BackboneConfig): number {
  switch (backbone.kind) {
    case 'vit':
      return backbone.depth;
    case 'xcit':
      return backbone.depth + backbone.classBlocks;
    case 'convnet':
    case 'resnet':
      return sum(backbone.blocks);
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
