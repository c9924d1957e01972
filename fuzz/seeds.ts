/** Sound files that are made rather than kept. */
import { crc32, deflateRawSync } from 'node:zlib';

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

/** A gray picture of 2 x 2 pixels as a TIFF file of 16 bits a sample. */
export function tiffSeed(): Uint8Array {
  const fields = [
    [256, 2],
    [257, 2],
    [258, 16],
    [259, 1],
    [262, 1],
    [273, 8 + 2 + 12 * 9 + 4],
    [277, 1],
    [278, 2],
    [279, 8],
  ] as const;
  const directory = Buffer.alloc(2 + 12 * fields.length + 4);
  directory.writeUInt16LE(fields.length);
  for (const [i, [tag, value]] of fields.entries()) {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(4, 4 + 12 * i);
    directory.writeUInt32LE(1, 6 + 12 * i);
    directory.writeUInt32LE(value, 10 + 12 * i);
  }
  const pixels = Buffer.from(Uint16Array.of(0, 20_000, 40_000, 65_535).buffer);
  return new Uint8Array(Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), directory, pixels]));
}

/** An archive of two pictures, one packed and one stored. */
export function zipSeed(): Uint8Array {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, method] of [
    ['a/1.tif', 8],
    ['b/2.tif', 0],
  ] as const) {
    const plain = tiffSeed();
    const stored = method === 8 ? deflateRawSync(plain) : Buffer.from(plain);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(crc32(plain), 10);
    fields.writeUInt32LE(stored.length, 14);
    fields.writeUInt32LE(plain.length, 18);
    fields.writeUInt16LE(name.length, 22);
    pieces.push(Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), stored);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\0\0', 'latin1'), fields, rest, Buffer.from(name));
    offset += 30 + name.length + stored.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(2, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return new Uint8Array(Buffer.concat([...pieces, ...directory, end]));
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
