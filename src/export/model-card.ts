/** The README of an exported network: what it is, how it was made, what was measured, how to use it. */
import type { Calibration } from '../eval/classify/calibration.ts';
import { capitalized } from '../eval/statement.ts';
import { describeView, type Preprocessing } from '../image/preprocessing.ts';
import { counted } from '../numbers/counted.ts';

export interface CardFacts {
  /** Which library the folder is for. */
  readonly library: 'huggingface' | 'transformers.js';
  /** Name of the folder that is written. */
  readonly folder: string;
  /** The network in a few words. */
  readonly network: string;
  /** How it came about: a sentence. */
  readonly origin: string;
  /** Commands that made it, the oldest first, as they were typed. */
  readonly commands: readonly string[];
  /** What the exported processor does. */
  readonly preprocessing: Preprocessing;
  /** Sides of images must be a multiple of it: the patch size, or 1. */
  readonly multiple: number;
  /** True for a network of gray images. */
  readonly isGray: boolean;
  /** Names of the classes, of a classifier. */
  readonly classes: readonly string[] | undefined;
  /** How far its probabilities can be believed; undefined where that was not measured. */
  readonly calibration: Calibration | undefined;
  /** Whether there is a model in float16. */
  readonly isHalved: boolean;
  /** Whether its 8-bit model differs from the one in float32. */
  readonly isQuantized: boolean;
  /** What was measured, a line each. */
  readonly scores: readonly string[];
}

/** Classes that are listed. */
const LISTED = 100;

export function modelCard(facts: CardFacts): string {
  const { library, network, origin, commands, classes, calibration, scores } = facts;
  const task = classes === undefined ? 'image-feature-extraction' : 'image-classification';
  const title = capitalized(classes === undefined ? network : `image classifier: ${network}`);
  return `---
library_name: ${library === 'huggingface' ? 'transformers' : 'transformers.js'}
pipeline_tag: ${task}
tags: [dino, self-supervised]
---

# ${title}

${origin}
${classes === undefined ? '' : `\n${taskOf(classes, calibration)}\n`}${commands.length === 0 ? '' : `\n\`\`\`sh\n${commands.join('\n')}\n\`\`\`\n`}
## Measured

${scores.length === 0 ? 'Nothing was measured yet; `npx dino eval --help` lists the evaluations.' : scores.map((score) => `- ${capitalized(score)}`).join('\n')}

## Use

${library === 'huggingface' ? pythonUse(facts) : scriptUse(facts)}

${processorOf(facts)}
`;
}

function taskOf(classes: readonly string[], calibration: Calibration | undefined): string {
  const shown = classes.slice(0, LISTED).join(', ');
  const more = classes.length - LISTED;
  return `**Task:** image classification, one of ${counted(classes.length, 'class', 'classes')} for each image.

**Labels:** ${shown}${more > 0 ? ` and ${more} more, see \`config.json\`` : ''}.

${believed(calibration)}`;
}

/** What a score says. */
function believed(calibration: Calibration | undefined): string {
  if (calibration === undefined)
    return 'The scores order the classes; they are not probabilities, and wrong answers have high ones too.';
  const { temperature, fitted, errorBefore, errorAfter, measured } = calibration;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return `The scores are probabilities for images like those it was measured on: logits are divided by ${temperature.toFixed(2)}, a temperature fitted on ${counted(fitted, 'image')} that it did not learn from. On ${measured} others the expected calibration error is ${percent(errorAfter)}; without the temperature it was ${percent(errorBefore)}. For other images they only order the classes.`;
}

function processorOf({ library, preprocessing, isGray }: CardFacts): string {
  const gray = isGray
    ? ` Images have to be gray: ${library === 'huggingface' ? '`Image.open(...).convert("L")`' : '`image.grayscale()`'}.`
    : '';
  const filter =
    library === 'huggingface'
      ? ''
      : ' transformers.js resizes with filters of its own, of which `preprocessor_config.json` names the one that comes nearest; features of photos differ a little from those of dino-ts.';
  return `The processor prepares images: ${describeView(preprocessing)}.${filter}${gray}`;
}

function pythonUse({ multiple, classes }: CardFacts): string {
  if (classes !== undefined)
    return `\`\`\`python
from transformers import pipeline

classify = pipeline("image-classification", model=".")  # this folder
print(classify("photo.jpg"))  # [{"label": ..., "score": ...}, ...]
\`\`\``;
  return `The class token after the last norm is the feature of an image.

\`\`\`python
from transformers import AutoImageProcessor, AutoModel
from PIL import Image

processor, model = AutoImageProcessor.from_pretrained("."), AutoModel.from_pretrained(".", add_pooling_layer=False)
feature = model(**processor(Image.open("photo.jpg"), return_tensors="pt")).last_hidden_state[:, 0]
\`\`\`

Other sizes need \`interpolate_pos_encoding=True\` and a multiple of ${multiple} pixels.`;
}

/** Set once, so that the library looks for the folder on the disk and not on the Hub. */
const LOCAL = `env.localModelPath = '.'; // the folder that holds this one
env.allowRemoteModels = false;`;

function scriptUse({ classes, isHalved, isQuantized, folder }: CardFacts): string {
  const types = [...(isHalved ? ["`dtype: 'fp16'`"] : []), ...(isQuantized ? ["`dtype: 'q8'`"] : [])];
  const less = `${types.join(' and ')} ${types.length === 1 ? 'takes' : 'take'} less space`;
  const same = `\`dtype: 'q8'\`, the default in browsers, takes a copy of the float32 file: the network has no linear layers${classes === undefined ? '' : ' besides its classifier, which stays as it is'}`;
  const smaller = [...(types.length === 0 ? [] : [less]), ...(isQuantized ? [] : [same])].join('; ');
  if (classes !== undefined)
    return `\`\`\`js
import { env, pipeline } from '@huggingface/transformers';

${LOCAL}
const classify = await pipeline('image-classification', '${folder}', { dtype: 'fp32' });
console.log(await classify('photo.jpg')); // [{ label, score }, ...]
\`\`\`

${capitalized(smaller)}.`;
  return `\`pooler_output\` is the feature of an image. Any batch and any image size; ${smaller}.

\`\`\`js
import { AutoModel, AutoProcessor, env, RawImage } from '@huggingface/transformers';

${LOCAL}
const name = '${folder}';
const [model, processor] = [await AutoModel.from_pretrained(name, { dtype: 'fp32' }), await AutoProcessor.from_pretrained(name)];
const { pooler_output } = await model(await processor(await RawImage.read('photo.jpg')));
\`\`\``;
}
