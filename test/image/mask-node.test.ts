import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { isSameShape } from '../../src/image/mask.ts';
import { decodeMask } from '../../src/image/mask-node.ts';
import { labelOverlay, labelPalette } from '../../src/report/pictures/label-colors.ts';
import { encodeIndexedPng } from '../../src/report/pictures/png.ts';
import { pngOf } from './png-of.ts';

describe('reading masks', () => {
  it('gives the indices of an indexed PNG, even where colors come twice', async () => {
    const mask = { height: 2, width: 3, data: Uint8Array.of(0, 1, 2, 255, 7, 0) };
    expect(await decodeMask(await encodeIndexedPng(mask, labelPalette), 'm.png')).toEqual(mask);
    expect(await decodeMask(await encodeIndexedPng(mask, new Uint8Array(768)), 'm.png')).toEqual(mask);
  });

  it('gives the samples as they are stored, of 1, 2, 4 and 8 bits', async () => {
    const of = async (depth: number, colorType: number, row: readonly number[]) => [
      ...(await decodeMask(pngOf(4, 1, depth, colorType, [0, ...row]), 'm.png')).data,
    ];
    expect(await of(1, 0, [0b01100000])).toEqual([0, 1, 1, 0]);
    expect(await of(2, 0, [0b00011011])).toEqual([0, 1, 2, 3]);
    expect(await of(4, 3, [0x0f, 0x91])).toEqual([0, 15, 9, 1]);
    expect(await of(8, 0, [0, 255, 3, 4])).toEqual([0, 255, 3, 4]);
  });

  it('leaves a depth that no PNG has to the decoder, which names the file', async () => {
    for (const depth of [3, 60, 200])
      await expect(decodeMask(pngOf(4, 1, depth, 0, [0, 0]), 'm.png')).rejects.toThrow(/^m\.png /);
  });

  it('takes RGB files whose channels agree, and refuses what numbers no objects, naming the file', async () => {
    const rgb = (data: readonly number[]) =>
      sharp(Buffer.from(data), { raw: { width: 2, height: 1, channels: 3 } });
    expect([...(await decodeMask(await rgb([0, 0, 0, 9, 9, 9]).png().toBuffer(), 'm.png')).data]).toEqual([
      0, 9,
    ]);
    const colored = await rgb([0, 0, 0, 200, 0, 0]).png().toBuffer();
    await expect(decodeMask(colored, 'red.png')).rejects.toThrow('red.png is in colors');
    const jpeg = await rgb([0, 0, 0, 9, 9, 9]).jpeg().toBuffer();
    await expect(decodeMask(jpeg, 'm.jpg')).rejects.toThrow('m.jpg is a JPEG, which changes labels');
    await expect(decodeMask(Buffer.from('no image'), 'm.png')).rejects.toThrow('m.png cannot be decoded');
    const deep = pngOf(1, 1, 16, 0, [0, 1, 1]);
    await expect(decodeMask(deep, 'deep.png')).rejects.toThrow('deep.png has 16 bits a pixel');
    const soft = pngOf(256, 1, 8, 0, [0, ...Array.from({ length: 256 }, (_, i) => i)]);
    await expect(decodeMask(soft, 'soft.png')).rejects.toThrow('soft.png has 256 gray levels');
    const cut = pngOf(64, 64, 8, 3, [], deflateSync(Buffer.alloc(20)));
    await expect(decodeMask(cut, 'cut.png')).rejects.toThrow('cut.png');
  });
});

describe('masks in colors', () => {
  it('have the palette of PASCAL VOC', () => {
    expect([...labelPalette.subarray(0, 12)]).toEqual([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]);
    expect([...labelPalette.subarray(765)]).toEqual([224, 224, 192]);
  });

  it('leave the background of an overlay as it is', () => {
    const image = { height: 1, width: 3, channels: 1, data: Uint8Array.of(10, 20, 30) } as const;
    const { data } = labelOverlay(image, { height: 1, width: 3, data: Uint8Array.of(0, 0, 1) });
    expect([...data]).toEqual([10, 10, 10, 20, 20, 20, 255, 59, 48]);
    expect(() => labelOverlay(image, { height: 1, width: 2, data: new Uint8Array(2) })).toThrow(
      'does not lie over an image',
    );
  });
});

describe('shapes', () => {
  it('are the same up to the rounding of a side', () => {
    const image = { height: 375, width: 500 };
    for (const [height, width] of [
      [375, 500],
      [374, 500],
      [64, 85],
      [8, 10],
      [750, 1001],
    ] as const)
      expect(isSameShape({ height, width }, image)).toBe(true);
    for (const [height, width] of [
      [500, 375],
      [370, 500],
      [64, 64],
    ] as const)
      expect(isSameShape({ height, width }, image)).toBe(false);
  });
});
