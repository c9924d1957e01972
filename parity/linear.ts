/** Fixture linear: features, training and log of the linear evaluation. */
import { z } from 'zod';
import { evaluate } from '../src/engine/arrays.ts';

import { ortNode } from '../src/engine/ort-node.ts';
import { linearEpochs, linearRate } from '../src/eval/classify/linear-evaluation.ts';
import { probeFeature, probeWidth } from '../src/eval/classify/linear-features.ts';
import { LinearProbe, type LinearWeights } from '../src/eval/classify/linear-probe.ts';
import { input } from '../src/graph/index.ts';
import type { LabeledFeatures } from '../src/rows/labeled-features.ts';
import type { Comparison } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';

const schema = z.object({
  cases: z.array(
    z.object({
      n_last_blocks: z.number(),
      avgpool_patchtokens: z.boolean(),
      num_labels: z.number(),
      batch_size_per_gpu: z.number(),
      lr: z.number(),
      epochs: z.number(),
      momentum: z.number(),
      weight_decay: z.literal(0),
    }),
  ),
  results: z.object({
    log: z.array(
      z.array(
        z.object({
          epoch: z.number(),
          train_lr: z.number(),
          train_loss: z.number(),
          test_loss: z.number(),
          test_acc1: z.number(),
          test_acc5: z.number().optional(),
        }),
      ),
    ),
  }),
});

type Config = z.infer<typeof schema>;
type Case = Config['cases'][number];

/** What the fixtures promise of plain arithmetic, relative to the largest value. */
const TOLERANCE = 1e-5;

/** Classifiers that train side by side must not disturb one another: the fixture's stands between two others. */
const SIDE_BY_SIDE = 3;
const MIDDLE = 1;

export async function linear(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  for (const [i, settings] of config.cases.entries()) {
    const name = (tensor: string): string => `case/${i}/${tensor}`;
    const at = `case ${i}`;
    const train = await labeled(fixture, comparison, name, 'train', settings);
    const validation = await labeled(fixture, comparison, name, 'val', settings);
    const initial = weightsAt(fixture, name('init'));
    const order = orders(fixture, name('order'));
    if (order.length !== settings.epochs)
      throw new FixtureError(`${name('order')} has ${order.length} epochs instead of ${settings.epochs}.`);
    for (const probes of [1, SIDE_BY_SIDE])
      await compareSteps(comparison, fixture, name, settings, { train, validation, initial, order }, probes);
    const epochs = linearEpochs(ortNode, train, validation, settings.lr, {
      classes: settings.num_labels,
      epochs: settings.epochs,
      batchSize: settings.batch_size_per_gpu,
      momentum: settings.momentum,
      initial,
      order: (epoch) => order[epoch] ?? new Uint32Array(),
    });
    const log = config.results.log[i] ?? [];
    let entries = 0;
    for await (const { epoch, rate, trainLoss, test } of epochs) {
      entries++;
      const entry = log[epoch];
      const where = `${at}, epoch ${epoch}`;
      comparison.identical('epochs of the log', where, [epoch], [entry?.epoch]);
      comparison.exact('learning rates of the log', where, [rate], [entry?.train_lr ?? Number.NaN]);
      const losses = [entry?.train_loss ?? Number.NaN, entry?.test_loss ?? Number.NaN];
      comparison.tensor('losses of the log', where, [trainLoss, test.loss], losses, TOLERANCE);
      // The official accuracies are averages of float32 percentages of batches.
      comparison.tensor('top-1', where, [test.top1], [entry?.test_acc1 ?? Number.NaN], TOLERANCE);
      const present = (top5: number | undefined): number[] => (top5 === undefined ? [] : [top5]);
      comparison.tensor('top-5', where, present(test.top5), present(entry?.test_acc5), TOLERANCE);
    }
    comparison.identical('length of the log', at, [entries], [log.length]);
  }
}

async function labeled(
  fixture: Fixture,
  comparison: Comparison,
  name: (tensor: string) => string,
  set: 'train' | 'val',
  { n_last_blocks: lastBlocks, avgpool_patchtokens: meanPatchToken }: Case,
): Promise<LabeledFeatures> {
  const [layers = 0, samples = 0, tokens = 0, dim = 0] = fixture.shape(name(`${set}_tokens`));
  const all = fixture.floats(name(`${set}_tokens`));
  const options = { lastBlocks, meanPatchToken };
  const blocks = Array.from({ length: layers }, (_, i) => input(`block ${i}`, [samples, tokens, dim]));
  const program = await ortNode.load({ features: probeFeature(blocks, options) });
  const given: Record<string, Float32Array> = {};
  for (const block of program.inputs.keys()) {
    const i = Number(block.slice('block '.length));
    given[block] = all.subarray(i * samples * tokens * dim, (i + 1) * samples * tokens * dim);
  }
  const { features = new Float32Array() } = await evaluate(program, given);
  await program.dispose();
  comparison.tensor('features', name(set), features, fixture.floats(name(`${set}_features`)), TOLERANCE);
  const labels = Int32Array.from(fixture.numbers(name(`${set}_labels`)));
  return { features: { values: features, dim: probeWidth(dim, options) }, labels };
}

interface Given {
  readonly train: LabeledFeatures;
  readonly validation: LabeledFeatures;
  readonly initial: LinearWeights;
  readonly order: readonly Uint32Array[];
}

/** Every batch, with the fixture's classifier alone or between others that learn at other rates. */
async function compareSteps(
  comparison: Comparison,
  fixture: Fixture,
  name: (tensor: string) => string,
  settings: Case,
  { train, validation, initial, order }: Given,
  probes: number,
): Promise<void> {
  const { num_labels: classes, batch_size_per_gpu: batchSize, lr, epochs, momentum } = settings;
  const own = probes === 1 ? 0 : MIDDLE;
  const label = probes === 1 ? '' : ' (side by side)';
  const { dim } = train.features;
  const probe = await LinearProbe.create(ortNode, { dim, classes, batchSize, probes, momentum, initial });
  const compareWeights = (quantity: string, at: string): void => {
    const [got, wanted] = [probe.weights(own), weightsAt(fixture, at)];
    comparison.tensor(`${quantity}: weight${label}`, at, got.weight, wanted.weight, TOLERANCE);
    comparison.tensor(`${quantity}: bias${label}`, at, got.bias, wanted.bias, TOLERANCE);
  };
  const losses: number[] = [];
  const rates: number[] = [];
  const logits: number[] = [];
  for (const [epoch, rows] of order.entries()) {
    for (let start = 0; start < rows.length; start += batchSize) {
      const rate = linearRate(lr, batchSize, epoch, epochs);
      const all = Array.from({ length: probes }, (_, i) => (i === own ? rate : rate * (i + 0.5)));
      const found = await probe.step(train, rows.subarray(start, start + batchSize), all);
      losses.push(found[own] ?? Number.NaN);
      rates.push(rate);
      if (rates.length === 1) compareWeights('first step', name('first_step'));
    }
    compareWeights('after an epoch', name(`epoch/${epoch}`));
    for await (const { rows: count, values } of probe.logits(validation.features)) {
      for (let row = 0; row < count; row++) {
        const start = (row * probes + own) * classes;
        logits.push(...values.subarray(start, start + classes));
      }
    }
  }
  await probe.dispose();
  const at = name('loss');
  comparison.exact('learning rates', at, rates, fixture.numbers(name('lr')));
  comparison.tensor(`losses${label}`, at, losses, fixture.floats(name('loss')), TOLERANCE);
  const wanted = fixture.floats(name('val_logits'));
  comparison.tensor(`logits${label}`, at, logits, wanted, TOLERANCE);
  comparison.identical(`predictions${label}`, at, largest(logits, classes), largest(wanted, classes));
}

function weightsAt(fixture: Fixture, prefix: string): LinearWeights {
  return { weight: fixture.floats(`${prefix}/weight`), bias: fixture.floats(`${prefix}/bias`) };
}

function orders(fixture: Fixture, name: string): Uint32Array[] {
  const [epochs = 0, rows = 0] = fixture.shape(name);
  const all = Uint32Array.from(fixture.numbers(name));
  return Array.from({ length: epochs }, (_, e) => all.subarray(e * rows, (e + 1) * rows));
}

/** The class of the largest logit of each row. */
function largest(logits: ArrayLike<number>, classes: number): number[] {
  return Array.from({ length: logits.length / classes }, (_, row) => {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if (logits[row * classes + c]! > logits[row * classes + best]!) best = c;
    return best;
  });
}
