/**
 * DINO's augmentation (main_dino.DataAugmentationDINO) as data and functions: what happens to a view is drawn first, as a
 * list of operations, and then applied. Both halves can be tested, shown and replaced on their own.
 *
 * Each view: RandomResizedCrop, flip, color jitter with its four steps in random order, grayscale, blur, solarize. Gray
 * images go without the steps that need color (saturation, hue, grayscale).
 */
import type { Random } from '../random/random.ts';
import { type JitterStep, jitterSteps } from './color.ts';
import { cropBox } from './crop-box.ts';
import type { Box, Image } from './image.ts';
import type { Interpolation } from './resample.ts';
import { type Workbench, workbench } from './workbench.ts';

/** The kinds of views: the first global one, further global ones, local ones. */
export type ViewKind = 'global1' | 'global2' | 'local';

/** Which views are cut from an image, and how they are changed. Plain data: it travels to worker threads. */
export interface CropRecipe {
  readonly globalCrops: number;
  /** Side of the square global views, in pixels. */
  readonly globalSize: number;
  /** Smallest and largest share of the image's area that a global view shows. */
  readonly globalScale: readonly [number, number];
  readonly localCrops: number;
  readonly localSize: number;
  readonly localScale: readonly [number, number];
  readonly channels: 1 | 3;
  readonly interpolation: Interpolation;
  /** Probability of mirroring. */
  readonly flip: number;
  /** Color jitter: factors are drawn from 1 - x .. 1 + x (not below 0), the hue from -x .. x of the color circle. */
  readonly jitter: { readonly probability: number } & { readonly [step in JitterStep]: number };
  /** Probability of turning gray. */
  readonly grayscale: number;
  /** Probability of a blur by kind of view, and the range of its radius (PIL's: a standard deviation in pixels). */
  readonly blur: { readonly [kind in ViewKind]: number } & { readonly radius: readonly [number, number] };
  /** Levels from `threshold` on are inverted, with a probability by kind of view. */
  readonly solarize: { readonly [kind in ViewKind]: number } & { readonly threshold: number };
}

/** The official values, with the official crops (2 of 224 and 8 of 96 pixels). */
export const dinoAugmentation: CropRecipe = {
  globalCrops: 2,
  globalSize: 224,
  globalScale: [0.4, 1],
  localCrops: 8,
  localSize: 96,
  localScale: [0.05, 0.4],
  channels: 3,
  interpolation: 'bicubic',
  flip: 0.5,
  jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 },
  grayscale: 0.2,
  blur: { global1: 1, global2: 0.1, local: 0.5, radius: [0.1, 2] },
  solarize: { global1: 0, global2: 0.2, local: 0, threshold: 128 },
};

/** One thing that happens to a view. */
export type ViewOp =
  | {
      readonly op: 'resizedCrop';
      readonly box: Box;
      readonly height: number;
      readonly width: number;
      readonly interpolation: Interpolation;
    }
  | { readonly op: 'flip' | 'grayscale' }
  | { readonly op: JitterStep; readonly factor: number }
  | { readonly op: 'blur'; readonly radius: number }
  | { readonly op: 'solarize'; readonly threshold: number };

/** The kind of each view of an image, in order: global views first. */
function viewKinds({ globalCrops, localCrops }: CropRecipe): ViewKind[] {
  return Array.from({ length: globalCrops + localCrops }, (_, i) =>
    i === 0 && globalCrops > 0 ? 'global1' : i < globalCrops ? 'global2' : 'local',
  );
}

/** The side of each view of an image in pixels, in order: global views first. */
export function viewSizes(recipe: CropRecipe): number[] {
  return viewKinds(recipe).map((kind) => (kind === 'local' ? recipe.localSize : recipe.globalSize));
}

/**
 * Draws what happens to one view of an image of `height` times `width` pixels. Comparisons are the official ones:
 * RandomApply (jitter) and utils.GaussianBlur act when u <= p, the others when u < p.
 */
export function drawView(
  random: Random,
  kind: ViewKind,
  height: number,
  width: number,
  recipe: CropRecipe,
): ViewOp[] {
  const size = kind === 'local' ? recipe.localSize : recipe.globalSize;
  const scale = kind === 'local' ? recipe.localScale : recipe.globalScale;
  const box = cropBox(height, width, scale, random);
  const ops: ViewOp[] = [
    { op: 'resizedCrop', box, height: size, width: size, interpolation: recipe.interpolation },
  ];
  if (random.uniform() < recipe.flip) ops.push({ op: 'flip' });
  if (random.uniform() <= recipe.jitter.probability) drawJitter(random, recipe, ops);
  if (random.uniform() < recipe.grayscale && recipe.channels === 3) ops.push({ op: 'grayscale' });
  if (random.uniform() <= recipe.blur[kind]) {
    ops.push({ op: 'blur', radius: random.between(...recipe.blur.radius) });
  }
  if (random.uniform() < recipe.solarize[kind]) {
    ops.push({ op: 'solarize', threshold: recipe.solarize.threshold });
  }
  return ops;
}

/** The four steps of a jitter in random order; the factors are float32 draws, as in torchvision. */
function drawJitter(random: Random, { jitter, channels }: CropRecipe, ops: ViewOp[]): void {
  for (const i of random.permutation(jitterSteps.length)) {
    const step = jitterSteps[i]!;
    const strength = jitter[step];
    const [low, high] = step === 'hue' ? [-strength, strength] : [Math.max(0, 1 - strength), 1 + strength];
    const factor = Math.fround(random.between(low, high));
    const needsColor = step === 'saturation' || step === 'hue';
    if (channels === 3 || !needsColor) ops.push({ op: step, factor });
  }
}

/** Does one operation to the view on the bench. */
function apply(bench: Workbench, op: ViewOp): void {
  switch (op.op) {
    case 'resizedCrop':
      bench.resizedCrop(op.box, op.height, op.width, op.interpolation);
      return;
    case 'flip':
      bench.flip();
      return;
    case 'brightness':
      bench.brightness(op.factor);
      return;
    case 'contrast':
      bench.contrast(op.factor);
      return;
    case 'saturation':
      bench.saturation(op.factor);
      return;
    case 'hue':
      bench.hue(op.factor);
      return;
    case 'grayscale':
      bench.grayscale();
      return;
    case 'blur':
      bench.blur(op.radius);
      return;
    case 'solarize':
      bench.solarize(op.threshold);
      return;
  }
}

/** The view that operations make of an image; a `resizedCrop` may only come first. */
export function applyView(image: Image, ops: readonly ViewOp[]): Image {
  const bench = workbench();
  bench.load(image);
  if (ops[0]?.op !== 'resizedCrop') bench.wholeImage();
  for (const op of ops) apply(bench, op);
  return bench.view();
}

/**
 * Cuts all views of an image.
 *
 * @param random the image's own stream
 * @param out receives the views one after the other, each `[size, size, channels]`, in the order of `viewSizes`
 */
export function augment(image: Image, recipe: CropRecipe, random: Random, out: Uint8Array): void {
  if (image.channels !== recipe.channels) {
    throw new RangeError(
      `The recipe is for ${recipe.channels} channels, the image has ${image.channels}: decode images to the recipe's channels.`,
    );
  }
  const bench = workbench();
  bench.load(image);
  let offset = 0;
  for (const kind of viewKinds(recipe)) {
    for (const op of drawView(random, kind, image.height, image.width, recipe)) apply(bench, op);
    offset += bench.read(out, offset);
  }
}
