/** Compiled programs pass ONNX's own checker. */
import { expect, test } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import { type DinoConfig, dino } from '../../src/method/dino.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { gridVit, tinyHead } from '../model/tiny-networks.ts';
import { checkOnnx, expectValidOnnx } from './onnx-checker.ts';

const config: DinoConfig = {
  backbone: gridVit,
  head: tinyHead,
  viewSizes: [16, 16, 8, 8],
  studentTemp: 0.1,
  centerMomentum: 0.9,
  dropPathRate: 0.1,
};

test.each([
  ['with accumulated gradients', 2, config],
  ['with batch norm', 4, { ...config, head: { ...config.head, useBn: true } }],
] as const)('a training program of DINO %s is valid ONNX', async (name, microBatch, settings) => {
  const trainer = await Trainer.create({
    method: dino(settings),
    engine: ortNode,
    channels: 3,
    batchSize: 4,
    microBatch,
    optimizer: 'adamw',
    seed: 0,
  });
  expectValidOnnx(name.replaceAll(' ', '-'), g.onnxCpu.compile(trainer.results).onnx);
  await trainer.dispose();
});

test('results that are inputs, pieces and integers are valid ONNX', () => {
  const x = g.input('x', [4, 6]);
  const { values, positions } = g.topK(x, 2);
  const { onnx } = g.onnxCpu.compile({ x, rows: g.concat([g.exp(x), g.neg(x)], 0), values, positions });
  expectValidOnnx('border', onnx);
});

test('the checker refuses a program that reads a value nobody makes', () => {
  const { onnx } = g.onnxCpu.compile({ y: g.exp(g.scale(g.input('x', [4]), 2)) });
  const text = new TextDecoder('latin1').decode(onnx);
  const broken = Uint8Array.from(onnx);
  // The first value between two nodes, where its reader names it: one letter more wrong.
  const made = /([A-Z][a-z]+_\d)/.exec(text)?.[1] ?? '';
  broken[text.lastIndexOf(made)] = 'Z'.charCodeAt(0);
  expect(made).not.toBe('');
  const verdict = checkOnnx('broken', broken);
  if (verdict !== undefined) expect(verdict.status, verdict.text).not.toBe(0);
});
