/** The classifier that `dino eval linear` or `dino eval finetune` left in a run folder, for export. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Calibration } from '../../eval/classify/calibration.ts';
import type { ClassifierHead } from '../../export/onnx-model.ts';
import { networkFingerprint } from '../../features/feature-bank-node.ts';
import type { Weights } from '../../features/network-weights.ts';
import { f32, parseSafetensors } from '../../format/safetensors.ts';
import { describeStatistics, describeView, isSamePreprocessing } from '../../image/preprocessing.ts';
import type { Subject } from '../../run/subject.ts';
import { OWN_FACTS, parseOwnFacts } from '../../weights/own-facts.ts';

export const classifierKinds = ['linear', 'finetune'] as const;
export type ClassifierKind = (typeof classifierKinds)[number];

const imagesSchema = z.object({ path: z.string(), directory: z.string() });

/** Metadata of a classifier's file: where the images lie that it was trained on. */
export function trainedOn(path: string): Readonly<Record<'images', string>> {
  return { images: JSON.stringify({ path, directory: process.cwd() }) };
}

const calibrationSchema = z.object({
  temperature: z.number().gt(0),
  fitted: z.number(),
  errorBefore: z.number(),
  errorAfter: z.number(),
  measured: z.number(),
});

/** Metadata of a classifier's file: what its logits are divided by when it is exported. Nothing where that is not known. */
export function calibratedBy(calibration: Calibration | undefined): Readonly<Record<string, string>> {
  return calibration === undefined ? {} : { calibration: JSON.stringify(calibration) };
}

/** A classifier, the weights it stands on, and where its images were. */
export interface Classifier {
  /** Its logits are divided by the temperature already, where there is one. */
  readonly head: ClassifierHead;
  readonly calibration: Calibration | undefined;
  readonly weights: Weights;
  /** A path, and the directory that it starts from; undefined where the file does not say it. */
  readonly images: z.infer<typeof imagesSchema> | undefined;
}

const probeSchema = z.object({ lastBlocks: z.number().int().min(1), meanPatchToken: z.boolean() });

/**
 * @returns the head, and the backbone it stands on: the run's own, or the fine-tuned one
 * @throws Error if the evaluation was not run, or its files are damaged
 */
export function readClassifier(
  { folder, backbone, trained, preprocessing }: Subject,
  kind: ClassifierKind,
): Classifier {
  const name = `eval/${kind}/${kind === 'linear' ? 'classifier' : 'model'}.safetensors`;
  const file = folder.file(name);
  if (!folder.has(name) || !folder.has(`eval/${kind}/labels.json`))
    throw new Error(`${file} does not exist: run dino eval ${kind} first, which trains the classifier.`);
  const classes = readLabels(folder.file(`eval/${kind}/labels.json`), kind);
  const { tensors, metadata } = parseSafetensors(folder.read(name), file);
  const take = (tensor: string): Float32Array => {
    const found = tensors.get(tensor);
    if (found === undefined) throw new Error(`${file} lacks ${tensor}: run dino eval ${kind} again.`);
    return f32(found);
  };
  const facts = metadata[OWN_FACTS];
  const shown = facts === undefined ? undefined : parseOwnFacts(facts, file).preprocessing;
  if (shown !== undefined && !isSamePreprocessing(shown, preprocessing))
    throw new Error(
      `${file} was trained on images that were shown in another way (${describeView(shown)}, ${describeStatistics(shown)}): give the flags that dino eval ${kind} was given.`,
    );
  const images = metadata.images === undefined ? undefined : imagesSchema.parse(JSON.parse(metadata.images));
  const prefix = kind === 'linear' ? 'linear' : 'head';
  const calibration =
    metadata.calibration === undefined
      ? undefined
      : calibrationSchema.parse(JSON.parse(metadata.calibration));
  const { temperature = 1 } = calibration ?? {};
  // Logits are linear in the weights.
  const cooled = (name: string): Float32Array =>
    take(`${prefix}.${name}`).map((value) => value / temperature);
  const head = { classes, weight: cooled('weight'), bias: cooled('bias') };
  if (kind === 'finetune') {
    const weights = [...tensors].flatMap(([tensor, values]) =>
      tensor.startsWith('backbone.') ? [[tensor.slice('backbone.'.length), f32(values)] as const] : [],
    );
    return { head, calibration, images, weights: new Map(weights) };
  }
  if (metadata.network !== networkFingerprint(trained))
    throw new Error(
      `${file} was trained on other weights than these (another --checkpoint, or the run went on since): run dino eval linear again.`,
    );
  if (backbone.kind !== 'vit') return { head, calibration, images, weights: trained };
  if (metadata.probe === undefined)
    throw new Error(`${file} does not say what it reads of the network: run dino eval linear again.`);
  const feature = probeSchema.parse(JSON.parse(metadata.probe));
  return { head: { ...head, feature }, calibration, images, weights: trained };
}

function readLabels(file: string, kind: ClassifierKind): string[] {
  try {
    return z
      .array(z.string())
      .min(1)
      .parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} is damaged: run dino eval ${kind} again.`, { cause: error });
  }
}

/** Class names in the order of the classifier's outputs. */
export function labelsFile(classes: readonly string[]): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(classes, null, 2)}\n`);
}
