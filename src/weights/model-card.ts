/** The README of an exported network: what it is, how it was trained, what was measured, how to use it. */

export interface CardFacts {
  /** Which library the folder is for. */
  readonly target: 'huggingface' | 'transformers.js';
  readonly images: number;
  readonly source: string;
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly size: number;
  /** Sides of images must be a multiple of it: the patch size, or 1. */
  readonly multiple: number;
  readonly command: string;
  /** Name and figures of every evaluation that was run. */
  readonly scores: readonly { readonly name: string; readonly text: string }[];
}

export function modelCard(facts: CardFacts): string {
  const scores =
    facts.scores.length === 0
      ? 'Nothing was measured yet; `npx dino eval --help` lists the evaluations.'
      : facts.scores.map(({ name, text }) => `- **${name}**: ${text}`).join('\n');
  return `---
library_name: ${facts.target === 'huggingface' ? 'transformers' : 'transformers.js'}
pipeline_tag: image-feature-extraction
tags: [dino, self-supervised]
---

# ${facts.network.charAt(0).toUpperCase()}${facts.network.slice(1)}, trained with DINO

Trained by dino-ts without labels on ${facts.images} images (${facts.source}), ${facts.steps} steps of ${facts.batch} images.

\`\`\`
${facts.command}
\`\`\`

## Measured

${scores}

## Use

${facts.target === 'huggingface' ? pythonUse(facts) : scriptUse}
The processor resizes the short side to ${Math.round((facts.size * 8) / 7)} pixels (bicubic) and takes the centre of ${facts.size}; dino-ts leaves images that have
${facts.size} x ${facts.size} pixels as they are.
`;
}

function pythonUse({ multiple }: CardFacts): string {
  return `The class token after the last norm is the feature of an image.

\`\`\`python
from transformers import AutoImageProcessor, AutoModel
from PIL import Image

processor, model = AutoImageProcessor.from_pretrained("."), AutoModel.from_pretrained(".", add_pooling_layer=False)
feature = model(**processor(Image.open("photo.jpg"), return_tensors="pt")).last_hidden_state[:, 0]
\`\`\`

Other sizes need \`interpolate_pos_encoding=True\` and a multiple of ${multiple} pixels.`;
}

const scriptUse = `\`pooler_output\` is the feature of an image. Any batch and any image size; \`dtype: 'fp16'\` and \`'q8'\` take the smaller files.

\`\`\`js
import { AutoModel, AutoProcessor, RawImage } from '@huggingface/transformers';

const [model, processor] = [await AutoModel.from_pretrained('<this folder>', { dtype: 'fp32' }), await AutoProcessor.from_pretrained('<this folder>')];
const { pooler_output } = await model(await processor(await RawImage.read('photo.jpg')));
\`\`\`
`;
