/** The README of an exported network: what it is, how it was trained, what was measured, how to use it. */

export interface CardFacts {
  readonly images: number;
  readonly source: string;
  readonly network: string;
  readonly steps: number;
  readonly batch: number;
  readonly size: number;
  readonly patch: number;
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
library_name: transformers
pipeline_tag: image-feature-extraction
tags: [dino, self-supervised, vit]
---

# ${facts.network}, trained with DINO

Trained by dino-ts without labels on ${facts.images} images (${facts.source}), ${facts.steps} steps of ${facts.batch} images.
The class token (\`last_hidden_state[:, 0]\`) after the last norm is the feature of an image.

\`\`\`
${facts.command}
\`\`\`

## Measured

${scores}

## Use

\`\`\`python
from transformers import AutoImageProcessor, AutoModel
from PIL import Image

processor, model = AutoImageProcessor.from_pretrained("."), AutoModel.from_pretrained(".", add_pooling_layer=False)
feature = model(**processor(Image.open("photo.jpg"), return_tensors="pt")).last_hidden_state[:, 0]
\`\`\`

The processor resizes the short side to ${Math.round((facts.size * 8) / 7)} pixels (bicubic) and takes the centre of ${facts.size}; dino-ts leaves images that have
${facts.size} x ${facts.size} pixels as they are. Other sizes need \`interpolate_pos_encoding=True\` and a multiple of ${facts.patch} pixels.
`;
}
