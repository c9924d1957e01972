/**
 * DINO without the command line: a small ViT learns from generated scenes step by step; then its features are compared
 * with those of the untrained network. Run it with `npx tsx examples/train-step-by-step.ts`.
 */
import {
  CropAssembler,
  cosineSchedule,
  dino,
  dinoAugmentation,
  extractFeatures,
  FrozenBackbone,
  knn,
  loadBatches,
  ortNode,
  scenesSource,
  Trainer,
  untrainedWeights,
  viewSizes,
  weightsUnder,
} from 'dino-ts';

const [size, batchSize, steps, seed] = [32, 32, 150, 0];
const backbone = {
  kind: 'vit',
  imageSize: size,
  patchSize: 8,
  channels: 3,
  dim: 96,
  depth: 3,
  heads: 3,
  mlpRatio: 4,
} as const;
const head = { outDim: 256, hiddenDim: 256, bottleneckDim: 64, layers: 3, useBn: false, normLastLayer: true };
const crops = { ...dinoAugmentation, globalSize: size, localCrops: 2, localSize: 16 };
const method = dino({
  backbone,
  head,
  viewSizes: viewSizes(crops),
  studentTemp: 0.1,
  centerMomentum: 0.9,
  dropPathRate: 0,
});
const trainer = await Trainer.create({
  method,
  engine: ortNode,
  channels: 3,
  batchSize,
  optimizer: 'adamw',
  seed,
});

const source = scenesSource({ count: 2000, seed: 1, size });
const assembler = new CropAssembler({ channels: 3, viewSizes: viewSizes(crops) });
const lr = cosineSchedule({ base: 1e-3, final: 1e-5, steps, warmupSteps: 20 });
for await (const batch of loadBatches(source, {
  recipe: crops,
  batchSize,
  seed,
  toStep: steps,
  workers: 1,
})) {
  const { loss, measures } = await trainer.step(
    // Views 0 and 1 are the global crops (group 0 of the method), the local ones follow (group 1).
    (group, start, end, into) => assembler.write(batch.crops, 2 * group, 2, start, end, into),
    {
      step: batch.step,
      lr: lr[batch.step]!,
      weightDecay: 0.04,
      clip: 3,
      teacherMomentum: 0.98,
      freezeLastLayer: batch.step < 10,
      scalars: { teacherTemp: 0.04 },
    },
  );
  batch.release();
  if (batch.step % 15 === 0 || batch.step === steps - 1) {
    console.log(
      `step ${batch.step}  loss ${loss.toFixed(4)}  teacher entropy ${measures.teacherEntropy!.toFixed(4)}`,
    );
  }
}

const eyes = new FrozenBackbone(backbone, size, ortNode);
const weights = new Map([
  ['untrained', untrainedWeights(backbone, size, seed)],
  ['trained', weightsUnder(trainer.teacherWeights(), 'backbone.')],
]);
const { features, labels } = await extractFeatures(
  scenesSource({ count: 1000, seed: 2, size }),
  eyes,
  weights,
);
for (const [name, values] of features) {
  const rows = { values, dim: eyes.dim };
  const options = { ks: [20], temperature: 0.07, classes: source.classes.length, leaveOneOut: true };
  const [result] = await knn(ortNode, rows, labels, rows, labels, options);
  console.log(`20-NN accuracy, ${name} ${result!.top1.toFixed(1)} %`);
}
await eyes.dispose();
await trainer.dispose();
