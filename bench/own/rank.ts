/**
 * One rank of a few DINO steps on noise: rank 0 prints the medians as JSON. Started by `mpirun`, or alone.
 *
 *     mpirun -n 2 node --import tsx bench/own/rank.ts <model> <threads> <steps>
 */
import { joinRanks } from '../../src/collective/join-ranks-node.ts';
import { makeTrainer, microBatchOf, randomCrops, settings, sizeNamed } from './network.ts';

const [model, threads = '1', steps = '5'] = process.argv.slice(2);
const size = sizeNamed(model);
const collective = await joinRanks();
const trainer = await makeTrainer(size, Number(threads), microBatchOf(size), undefined, collective);
const crops = randomCrops(size);

const times: { compute: number[]; reduce: number[]; update: number[] } = {
  compute: [],
  reduce: [],
  update: [],
};
for (let step = 0; step <= Number(steps); step++) {
  const started = performance.now();
  await trainer.accumulate(crops, settings);
  // Who comes first waits for the others: that is not the time of the reduction.
  await collective.barrier();
  const computed = performance.now();
  await trainer.updater.sumGradients(collective);
  const reduced = performance.now();
  await trainer.applyUpdate(settings);
  if (step === 0) continue; // it faults memory in
  times.compute.push(computed - started);
  times.reduce.push(reduced - computed);
  times.update.push(performance.now() - reduced);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
const bytes = [...trainer.updater.gradients.values()].reduce(
  (sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1),
  0,
);
if (collective.rank === 0)
  console.log(
    JSON.stringify({
      ranks: collective.size,
      batch: size.batch,
      bytes,
      compute: median(times.compute),
      reduce: median(times.reduce),
      update: median(times.update),
    }),
  );
await trainer.dispose();
await collective.dispose();
