/** The published XCiTs by name. */
import type { XcitConfig } from './xcit.ts';

/** What published networks of a shape have besides: the narrowest norm the class token alone, deep ones start from faint branches. */
export function xcitUsual(dim: number, depth: number): Pick<XcitConfig, 'tokensNorm' | 'eta'> {
  return { tokensNorm: dim !== 128, eta: depth > 12 ? 1e-5 : 1 };
}

const sized = (patchSize: number, dim: number, depth: number, heads: number) => ({
  ...{ patchSize, dim, depth, heads, mlpRatio: 4, classBlocks: 2 },
  ...xcitUsual(dim, depth),
});

const published = {
  xcit_nano_12_p16: sized(16, 128, 12, 4),
  xcit_nano_12_p8: sized(8, 128, 12, 4),
  xcit_tiny_12_p16: sized(16, 192, 12, 4),
  xcit_tiny_12_p8: sized(8, 192, 12, 4),
  xcit_tiny_24_p16: sized(16, 192, 24, 4),
  xcit_tiny_24_p8: sized(8, 192, 24, 4),
  xcit_small_12_p16: sized(16, 384, 12, 8),
  xcit_small_12_p8: sized(8, 384, 12, 8),
  xcit_small_24_p16: sized(16, 384, 24, 8),
  xcit_small_24_p8: sized(8, 384, 24, 8),
  xcit_medium_24_p16: sized(16, 512, 24, 8),
  xcit_medium_24_p8: sized(8, 512, 24, 8),
} as const;

export type XcitName = keyof typeof published;

export function xcitConfig(name: XcitName, channels = 3): { readonly kind: 'xcit' } & XcitConfig {
  return { kind: 'xcit', channels, ...published[name] };
}
