/** Labels carried through a video: tokens of every frame by ViT-S/16, and their propagation. */
import { ortNode } from '../../src/engine/ort-node.ts';
import { type FrameTokens, propagateLabels } from '../../src/eval/video/label-propagation.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { plainWeights, vitSmall } from './plain-weights.ts';
import { serve } from './protocol.ts';
import { groupedRows } from './rows.ts';

const [height, width, patch] = [480, 832, 16];
/** How far the content moves from frame to frame, in numbers of the flat image. */
const MOVE = 8;

await serve(async ({ frames = 40, threads = 2 }) => {
  const engineOptions = { threads: Number(threads) };
  const backbone = new FrozenBackbone(vitSmall, 224, ortNode, engineOptions);
  const weights = plainWeights();
  const image = groupedRows(3 * height, width, 40);
  const mask = new Uint8Array(height * width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      mask[y * width + x] = y < 160 ? 0 : x < 300 ? 1 : x < 620 && y < 400 ? 2 : 0;
  const [rows, columns] = [height / patch, width / patch];
  const tokens = async function* (): AsyncGenerator<FrameTokens> {
    for (let frame = 0; frame < Number(frames); frame++) {
      const pixels = new Float32Array(image.length);
      pixels.set(image.subarray(0, image.length - frame * MOVE), frame * MOVE);
      pixels.set(image.subarray(image.length - frame * MOVE));
      const [all] = await backbone.tokens(weights, { pixels, height, width });
      yield { rows, columns, dim: 384, tokens: (all ?? new Float32Array()).subarray(384) };
    }
  };
  return async () => {
    const shares: Record<string, number> = {};
    const options = { patchSize: patch, engineOptions };
    for await (const { mask: found } of propagateLabels(
      ortNode,
      tokens(),
      { height, width, data: mask },
      options,
    )) {
      for (const label of [1, 2])
        shares[`label ${label}`] = found.data.reduce((sum, x) => sum + (x === label ? 1 : 0), 0);
    }
    return shares;
  };
});
