/**
 * Whole training steps on an XLA device, and whether they are right.
 *
 *     tsx bench/device/steps.ts <plugin: name or file> <seconds> <size>:<batch>:<precision> ...
 *
 * One JSON line each: seconds of compilation, milliseconds of a step (median, the state stays on the device, crops come from the
 * host as bytes), images a second, what the program takes. With `check:<size>:<batch>` instead: twenty steps beside ONNX Runtime on
 * the processor, and the largest relative difference of a loss. `--devices N` takes N devices.
 */
import { parseArgs } from 'node:util';
import { ortNode } from '../../src/engine/ort-node.ts';
import { statisticsFor } from '../../src/image/normalize.ts';
import { openEngine } from '../../src/run/open-engine-node.ts';
import type { ByteCropSource, CropSource, CropSources, Trainer } from '../../src/train/trainer.ts';
import { settings, sizeNamed, trainerOn } from '../own/network.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { devices: { type: 'string' } },
});
const [pjrtPlugin, secondsText, ...works] = positionals;
const deadline = performance.now() + 1000 * Number(secondsText);
const STEPS = 15;
const UNSETTLED = 3;

const say = (fact: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify(fact));

/** Bytes that belong to group, image and place, whoever asks, and the same as the processor is given them. */
function cropsOf({ method }: Trainer): CropSources {
  const bytes: ByteCropSource = (group, start, end, into) => {
    const each = into.length / (end - start);
    for (let at = 0; at < into.length; at++) {
      const [image, i] = [start + Math.floor(at / each), at % each];
      into[at] = (image * 53 + group * 17 + i * 37 + ((i * i) % 91)) % 256;
    }
  };
  const { mean, std } = statisticsFor(3);
  const pixels: CropSource = (group, start, end, into) => {
    const raw = new Uint8Array(into.length);
    bytes(group, start, end, raw);
    const { count = 1, size = 1 } = method.views[group] ?? {};
    const plane = size * size;
    for (let view = 0; view < count * (end - start); view++)
      for (let c = 0; c < 3; c++)
        for (let i = 0; i < plane; i++)
          into[(view * 3 + c) * plane + i] =
            ((raw[(view * plane + i) * 3 + c] ?? 0) / 255 - (mean[c] ?? 0)) / (std[c] ?? 1);
  };
  return { pixels, bytes };
}

const device = (precision: 'f32' | 'tf32' | 'bf16') =>
  openEngine(
    {
      device: 'xla',
      precision,
      ...(pjrtPlugin === undefined ? {} : { pjrtPlugin }),
      ...(values.devices === undefined ? {} : { devices: Number(values.devices) }),
      compileCache: 'none',
    },
    { takesAll: false },
  );

for (const work of works) {
  const isCheck = work.startsWith('check:');
  const [name, batchText, precisionText] = work.replace('check:', '').split(':');
  const precision = precisionText === 'tf32' || precisionText === 'bf16' ? precisionText : 'f32';
  const size = { ...sizeNamed(name), batch: Number(batchText) };
  if (performance.now() > deadline) {
    say({ work, left: 'no time' });
    continue;
  }
  try {
    const started = performance.now();
    const trainer = await trainerOn(await device(precision), size, { byteCrops: statisticsFor(3) });
    const compiled = performance.now();
    const crops = cropsOf(trainer);
    if (isCheck) {
      const cpu = await trainerOn(ortNode, size);
      let worst = 0;
      for (let step = 0; step < 20; step++) {
        const told = { ...settings, step, lr: 1e-4 };
        const [a, b] = [await trainer.step(crops, told), await cpu.step(crops, told)];
        worst = Math.max(worst, Math.abs(a.loss - b.loss) / Math.abs(b.loss));
        if (step === 19) say({ work, loss: a.loss, onProcessor: b.loss, worstDifference: worst });
      }
      await cpu.dispose();
    } else {
      const times: number[] = [];
      let loss = Number.NaN;
      for (let step = 0; step < UNSETTLED + STEPS; step++) {
        trainer.stage(crops, step);
        const before = performance.now();
        ({ loss } = await trainer.step(crops, { ...settings, step }));
        if (step >= UNSETTLED) times.push(performance.now() - before);
      }
      const milliseconds = times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
      say({
        ...{ work, compileSeconds: (compiled - started) / 1000, milliseconds },
        ...{ imagesPerSecond: (1000 * size.batch) / milliseconds, loss },
      });
    }
    await trainer.dispose();
  } catch (error) {
    say({ work, error: error instanceof Error ? error.message.slice(0, 600) : String(error) });
  }
}
process.exit(0);
