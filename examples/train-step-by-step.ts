/**
 * DINO without the command line: a small ViT is trained on generated scenes step by step, then its features find the
 * scenes that are alike. It shows the parts; good features take minutes. Run it with `npx tsx examples/train-step-by-step.ts`.
 */
import {
  CropAssembler,
  cosineSchedule,
  dino,
  dinoAugmentation,
  scenesSource,
  Trainer,
  viewSizes,
} from 'dino-ts';
import {
  extractFeatures,
  FrozenBackbone,
  l2NormalizedRows,
  nearestNeighbors,
  weightsUnder,
} from 'dino-ts/eval';
import { loadBatches, ortNode } from 'dino-ts/node';

const [size, batchSize, steps, seed] = [32, 32, 60, 0];
const source = scenesSource({ count: 500, seed: 1, size });
const crops = { ...dinoAugmentation, globalSize: size, localCrops: 2, localSize: 16 };
const sizes = viewSizes(crops); // [32, 32, 16, 16]
const vit = {
  kind: 'vit',
  imageSize: size,
  patchSize: 8,
  channels: 3,
  dim: 48,
  depth: 2,
  heads: 3,
  mlpRatio: 4,
} as const;
const head = { outDim: 64, hiddenDim: 256, bottleneckDim: 64, layers: 3, useBn: false, normLastLayer: true };
const loss = { viewSizes: sizes, studentTemp: 0.1, centerMomentum: 0.9 };
const method = dino({ backbone: vit, head, ...loss, dropPathRate: 0 });
const trainer = await Trainer.create({
  method,
  engine: ortNode,
  channels: 3,
  batchSize,
  optimizer: 'adamw',
  seed,
});

const assembler = new CropAssembler({ channels: 3, viewSizes: sizes });
const lr = cosineSchedule({ base: 1e-3, final: 1e-5, steps, warmupSteps: 20 });
for await (const batch of loadBatches(source, {
  recipe: crops,
  batchSize,
  seed,
  toStep: steps,
  workers: 1,
})) {
  const { step } = batch;
  const { loss, measures } = await trainer.step(
    // Two views in each group of the method: 0 holds the global crops, 1 the local ones.
    (group, start, end, into) =>
      assembler.write(batch.crops, { views: [2 * group, 2 * group + 2], images: [start, end] }, into),
    {
      step,
      lr: lr[step]!,
      weightDecay: 0.04,
      clip: 3,
      teacherMomentum: 0.98,
      freezeLastLayer: step < 10,
      scalars: { teacherTemp: 0.04 },
    },
  );
  batch.release();
  if (step % 10 > 0 && step < steps - 1) continue;
  const entropy = measures.teacher_entropy!;
  console.log(
    `step ${step}  loss ${loss.toFixed(4)} = entropy ${entropy.toFixed(4)} + KL ${(loss - entropy).toFixed(4)}`,
  );
}

const backbone = new FrozenBackbone(vit, size, ortNode);
const weights = new Map([['teacher', weightsUnder(await trainer.evaluatedWeights(), 'backbone.')]]);
const { features, indices } = await extractFeatures(source, { backbone, weights });
const rows = l2NormalizedRows(features.get('teacher')!);
const found = await nearestNeighbors(ortNode, rows, rows, { k: 3, leaveOneOut: true });
console.log(`${indices.length} features of ${backbone.dim} numbers; nearest to ${source.key(0)}:`);
for (let i = 0; i < 3; i++)
  console.log(`  ${source.key(found.rows[i]!)}  cosine ${found.similarities[i]!.toFixed(4)}`);
await backbone.dispose();
await trainer.dispose();
