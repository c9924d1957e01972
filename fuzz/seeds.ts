/** Sound files that are made rather than kept. */

/** An archive of two classes of empty images, with a long name in a pax header. */
export function tarSeed(): Uint8Array {
  const long = `b/${'n'.repeat(120)}.png`;
  const record = ` path=${long}\n`;
  const size = record.length + String(record.length + 3).length;
  return new Uint8Array(
    Buffer.concat([
      member('a/1.png', Buffer.from('one')),
      member('a/2.jpg', Buffer.alloc(700, 1)),
      member('pax', Buffer.from(`${size}${record}`), 'x'),
      member('b/short.png', Buffer.from('three')),
      Buffer.alloc(1024),
    ]),
  );
}

function member(name: string, data: Buffer, type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name);
  header.write('0000644\0', 100);
  header.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

/** The record of a run, as `dino train` writes it. */
export function runRecordSeed(): Uint8Array {
  const config = {
    ...{
      recipe: 'auto',
      seed: 0,
      arch: 'convnet',
      patchSize: 8,
      dim: 128,
      depth: 6,
      stem: 'patch',
      heads: 4,
    },
    ...{ widths: [32, 64], blocks: 1, stemStride: 2, dropPathRate: 0, outDim: 1024, headHiddenDim: 512 },
    ...{ headBottleneckDim: 128, headLayers: 3, normLastLayer: true, useBnInHead: true, channels: 3 },
    ...{ globalCropsSize: 64, localCropsSize: 32, localCropsNumber: 0, globalCropsScale: [0.3, 1] },
    ...{ localCropsScale: [0.1, 0.3], colorJitter: [0.4, 0.4, 0.2, 0.1], grayscale: 0.2, blurRadius: 0.6 },
    ...{
      batchSizePerGpu: 128,
      optimizer: 'adamw',
      lr: 0.006,
      minLr: 1e-6,
      warmupSteps: 10,
      weightDecay: 0.04,
    },
    ...{ weightDecayEnd: 0.04, clipGrad: 3, momentumTeacher: 0.996, teacherTemp: 0.02, studentTemp: 0.1 },
    ...{ warmupTeacherTemp: 0.02, centerMomentum: 0.9, freezeLastLayerSteps: 10, numWorkers: 2, threads: 2 },
    ...{ evalEvery: 10, saveEvery: 10 },
  };
  const source = { path: 'photos', images: 20, classes: ['a', 'b'], fingerprint: '30a1eb68' };
  const record = {
    ...{ format: 'dino-ts run 1', source, config, choices: [], steps: 100, stepsPerEpoch: 10 },
    ...{ command: 'npx dino train photos', created: '2026-01-01T00:00:00.000Z' },
  };
  return new TextEncoder().encode(JSON.stringify(record, null, 2));
}
