/** DINOv2 in the trainer; that a step has the official numbers is tested against reference values elsewhere. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { dino } from '../../src/method/dino.ts';
import { type Dinov2Config, dinov2 } from '../../src/method/dinov2.ts';
import type { Method } from '../../src/method/method.ts';
import { Random } from '../../src/random/random.ts';
import { parametersOf } from '../../src/train/state.ts';
import { type CropSource, type StepSettings, Trainer } from '../../src/train/trainer.ts';
import { gridVit, tinyHead } from '../model/tiny-networks.ts';

const plain: Dinov2Config = {
  backbone: { ...gridVit, layerScale: true, layerScaleInit: 0.1, maskToken: true },
  viewSizes: [16, 16, 8, 8],
  head: tinyHead,
  dinoLossWeight: 1,
  ibot: undefined,
  koleoLossWeight: 0,
  centering: 'center',
  studentTemp: 0.1,
  centerMomentum: 0.9,
  dropPathRate: 0,
  layerwiseDecay: 1,
  patchEmbedLrFactor: 1,
};
const ibot = { lossWeight: 1, masks: { probability: 0.5, ratio: [0.1, 0.5] } } as const;
const full: Dinov2Config = { ...plain, ibot, koleoLossWeight: 0.1 };

const settings: StepSettings = {
  step: 0,
  lr: 0.01,
  weightDecay: 0,
  clip: 3,
  teacherMomentum: 0.99,
  freezeLastLayer: false,
  scalars: { teacherTemp: 0.07 },
};

/** Noise, the same for an image however a batch is parted. */
const crops = (method: Method): CropSource => {
  return (group, start, end, into) => {
    const { count, size } = method.views[group]!;
    const each = 3 * size * size;
    for (let view = 0; view < count; view++)
      for (let i = start; i < end; i++) {
        const random = new Random(view, `crops ${group}`, i);
        const at = (view * (end - start) + i - start) * each;
        for (let p = 0; p < each; p++) into[at + p] = random.normal();
      }
  };
};

async function trainerOf(method: Method, microBatch = 4): Promise<Trainer> {
  const trainer = await Trainer.create({
    ...{ method, engine: ortNode, channels: 3, batchSize: 4, microBatch, optimizer: 'adamw', seed: 1 },
    engineOptions: { threads: 1 },
  });
  onTestFinished(() => trainer.dispose());
  return trainer;
}

describe('a run of DINOv2', () => {
  it.each([
    ['all parts, a center', full],
    ['all parts, Sinkhorn-Knopp', { ...full, centering: 'sinkhorn' }],
    ['two heads', { ...full, ibot: { ...ibot, head: { ...tinyHead, outDim: 12 } } }],
    ['stochastic depth', { ...full, dropPathRate: 0.3 }],
    ['no local views', { ...full, viewSizes: [16, 16], dropPathRate: 0.3 }],
    ['views of one size', { ...full, viewSizes: [16, 16, 16] }],
    ['registers and SwiGLU', { ...full, backbone: { ...full.backbone, registers: 2, swiglu: true } }],
  ] as const)('with %s learns its images', async (_, config) => {
    const method = dinov2(config);
    const trainer = await trainerOf(method);
    const losses: number[] = [];
    for (let step = 0; step < 12; step++) {
      const { loss, measures } = await trainer.step(crops(method), { ...settings, step });
      losses.push(loss);
      expect(Object.keys(measures)).toEqual(method.measures.map(({ key }) => key));
      for (const [key, value] of Object.entries(measures)) expect(Number.isFinite(value), key).toBe(true);
    }
    expect(losses.at(-1)!).toBeLessThan(0.95 * losses[0]!);
  });

  it('begins near what guessing gives', async () => {
    const method = dinov2({ ...full, koleoLossWeight: 0 });
    const trainer = await trainerOf(method);
    const { loss } = await trainer.accumulate(crops(method), settings);
    const guessing = method.loss.references![0]!.value;
    expect(guessing).toBeCloseTo(1.5 * Math.log(8), 6);
    expect(Math.abs(loss / guessing - 1)).toBeLessThan(0.4);
  });

  it('is one sum of its parts, as they are logged', async () => {
    const method = dinov2(full);
    const { loss, measures } = await (await trainerOf(method)).accumulate(crops(method), settings);
    const { dino_global_crops_loss: global, dino_local_crops_loss: local, ibot_loss: patches } = measures;
    expect(loss).toBeCloseTo(global! + local! + 2 * patches! + 2 * measures.koleo_loss!, 5);
  });
});

describe("DINO's part alone", () => {
  const asDino = { ...plain, head: tinyHead } as const;

  it('is the loss of DINO, and without local views two thirds of it', async () => {
    for (const viewSizes of [
      [16, 16, 8, 8],
      [16, 16],
    ]) {
      const [two, one] = [
        await trainerOf(dinov2({ ...asDino, viewSizes })),
        await trainerOf(dino({ ...asDino, viewSizes })),
      ];
      for (const network of ['student', 'teacher'] as const)
        for (const [name, buffer] of parametersOf(two.state, network)) {
          const other = parametersOf(one.state, network).get(name.replace('dino_head', 'head'));
          if (other !== undefined) other.write(hostFloats(buffer));
        }
      const [found, wanted] = [
        await two.accumulate(crops(two.method), settings),
        await one.accumulate(crops(one.method), settings),
      ];
      expect(found.loss).toBeCloseTo(wanted.loss * (viewSizes.length === 2 ? 2 / 3 : 1), 5);
      for (const key of ['teacher_entropy', 'kl'])
        expect(found.measures[key]).toBeCloseTo(wanted.measures[key]!, 5);
    }
  });

  it('can be parted, center and all; any other part cannot', async () => {
    const method = dinov2(plain);
    expect(method.coupling).toBeUndefined();
    for (const change of [
      { ibot },
      { koleoLossWeight: 0.1 },
      { centering: 'sinkhorn' },
      { dropPathRate: 0.1 },
    ] as const)
      expect(dinov2({ ...plain, ...change }).coupling, Object.keys(change)[0]).toBeDefined();
    const results: { loss: number; center: Float32Array }[] = [];
    for (const microBatch of [4, 2, 1]) {
      const trainer = await trainerOf(method, microBatch);
      const { loss } = await trainer.step(crops(method), settings);
      results.push({ loss, center: hostFloats(trainer.state.method.get('center')!) });
    }
    for (const { loss, center } of results) {
      expect(loss).toBeCloseTo(results[0]!.loss, 5);
      center.forEach((value, i) => {
        expect(value).toBeCloseTo(results[0]!.center[i]!, 6);
      });
    }
  });
});

describe('how parameters are updated', () => {
  it('a last layer that is held still stays, but its moments gather', async () => {
    const method = dinov2({ ...full, ibot: { ...ibot, head: tinyHead } });
    const trainer = await trainerOf(method);
    const student = parametersOf(trainer.state, 'student');
    const before = new Map([...student].map(([name, buffer]) => [name, hostFloats(buffer).slice()]));
    await trainer.step(crops(method), { ...settings, freezeLastLayer: true });
    const stays = [...before].filter(([name, values]) =>
      values.every((x, i) => x === hostFloats(student.get(name)!)[i]),
    );
    expect(stays.map(([name]) => name).sort()).toEqual(
      ['dino_head', 'ibot_head'].flatMap((head) =>
        ['weight_g', 'weight_v'].map((part) => `${head}.last_layer.${part}`),
      ),
    );
    const moments = hostFloats(
      trainer.state.update.moments.get('exp_avg')!.get('dino_head.last_layer.weight_v')!,
    );
    expect(moments.some((x) => x !== 0)).toBe(true);
    expect(trainer.state.update.counts.get('ibot_head.last_layer.weight_v')).toBe(1);
  });

  it('rates fall layer by layer, and once more for the patch embedding', () => {
    const { lrFactor } = dinov2({ ...full, layerwiseDecay: 0.5, patchEmbedLrFactor: 0.2 });
    const factors = [
      'dino_head.mlp.0.weight',
      'backbone.norm.weight',
      'backbone.blocks.1.ls1.gamma',
      'backbone.blocks.0.ls1.gamma',
      'backbone.mask_token',
      'backbone.patch_embed.proj.bias',
    ];
    expect(factors.map((name) => lrFactor!(name))).toEqual([1, 1, 0.5, 0.25, 0.125, 0.025]);
  });

  it('the gradients of a network part are clipped together', async () => {
    const method = dinov2(full);
    const trainer = await trainerOf(method);
    await trainer.accumulate(crops(method), settings);
    const { gradients } = trainer.updater;
    const norms = new Map<string, number>();
    const group = (name: string): string => method.clipGroup!(name);
    for (const [name, buffer] of gradients)
      norms.set(group(name), Math.hypot(norms.get(group(name)) ?? 0, ...hostFloats(buffer)));
    expect([...norms.keys()]).toEqual(['backbone', 'dino_head']);
    await trainer.applyUpdate({ ...settings, clip: 1e-3 });
    const moments = trainer.state.update.moments.get('exp_avg')!;
    for (const name of ['backbone.norm.weight', 'dino_head.mlp.0.weight']) {
      const [moment, gradient] = [hostFloats(moments.get(name)!), hostFloats(gradients.get(name)!)];
      const factor = 1e-3 / (norms.get(group(name))! + 1e-6);
      moment.forEach((value, i) => {
        expect(value / (0.1 * factor)).toBeCloseTo(gradient[i]!, 4);
      });
    }
  });
});

describe('what is said of the latest steps', () => {
  const method = dinov2(full);
  const healthy = {
    teacher_entropy: 1,
    kl: 0.5,
    ibot_entropy: 1,
    ibot_kl: 0.5,
    koleo_closest: 0.3,
    koleo_loss: 0.1,
  };
  const said = (change: Partial<typeof healthy>): string =>
    method.examine({ loss: 1, measures: { ...healthy, ...change } }).title;

  it.each([
    ['No collapse', {}],
    ['Uniform collapse', { teacher_entropy: Math.log(8), kl: 0 }],
    ['Collapse onto one prototype', { teacher_entropy: 0, kl: 0 }],
    ['Uniform collapse for hidden patches', { ibot_entropy: Math.log(8), ibot_kl: 0 }],
    ['Collapse onto one prototype for hidden patches', { ibot_entropy: 0, ibot_kl: 0 }],
    ['Two images of a batch have the same feature', { koleo_closest: 1e-5 }],
    ['All images of a batch have nearly the same feature', { koleo_closest: 1e-6, koleo_loss: 1 }],
  ] as const)('%s', (title, change) => expect(said(change)).toBe(title));

  it('names no part that there is none of', () => {
    const { examine, measures } = dinov2(plain);
    expect(measures.map(({ key }) => key)).toEqual([
      ...['teacher_entropy', 'kl', 'dino_global_crops_loss', 'dino_local_crops_loss'],
    ]);
    expect(examine({ loss: 1, measures: { teacher_entropy: 1, kl: 0.5 } }).severity).toBe('ok');
  });
});
