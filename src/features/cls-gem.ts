/** The descriptor of copy detection (official `eval_copy_detection.py`): what the network says of the image, and of its patches. */
import type { FeatureRows } from '../rows/feature-rows.ts';

/** Under the generalized mean no value is smaller, so that all have a fourth root. */
const GEM_FLOOR = 1e-6;

/**
 * `[CLS, GeM]`: the class token beside the generalized mean of the patch tokens with p = 4, `(mean of max(x, 1e-6)^4)^(1/4)`
 * (`extract_features`).
 *
 * @param tokens last layer after its norm, class token first: [images, tokensPerImage, dim]
 * @returns [images, 2 dim]
 * @throws RangeError when an image has no patch token, or the tokens are no whole images
 */
export function clsGemDescriptors(tokens: Float32Array, tokensPerImage: number, dim: number): FeatureRows {
  const images = tokens.length / (tokensPerImage * dim);
  const patches = tokensPerImage - 1;
  if (!Number.isInteger(images) || patches < 1) {
    throw new RangeError(
      `${tokens.length} numbers are no images of ${tokensPerImage} tokens of ${dim}: give a class token and at least one patch token an image.`,
    );
  }
  const values = new Float32Array(images * 2 * dim);
  const sums = new Float64Array(dim);
  for (let image = 0; image < images; image++) {
    const cls = image * tokensPerImage * dim;
    sums.fill(0);
    for (let patch = 1; patch <= patches; patch++) {
      const start = cls + patch * dim;
      for (let d = 0; d < dim; d++) sums[d]! += Math.max(tokens[start + d]!, GEM_FLOOR) ** 4;
    }
    const at = image * 2 * dim;
    values.set(tokens.subarray(cls, cls + dim), at);
    for (let d = 0; d < dim; d++) values[at + dim + d] = Math.sqrt(Math.sqrt(sums[d]! / patches));
  }
  return { values, dim: 2 * dim };
}
