import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseSafetensors, serializeSafetensors } from '../../src/format/safetensors.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { dinoIn } from '../cli/command.ts';
import { photos } from '../cli/tiny-network.ts';
import { temporaryFolder } from '../data/fixtures.ts';

it('weights that lack a tensor are refused, and taken where that is allowed, which is said', async () => {
  const whole = join(import.meta.dirname, '../golden/checkpoints/backbone.safetensors');
  const { tensors } = parseSafetensors(readFileSync(whole), 'backbone');
  tensors.delete('blocks.1.norm1.bias');
  const folder = temporaryFolder();
  const path = join(folder, 'weights.safetensors');
  writeFileSync(path, Buffer.concat(serializeSafetensors(tensors)));
  expect(() => openSubject(path, { heads: 2 })).toThrow(/lacks blocks.1.norm1.bias/);
  const subject = openSubject(path, { heads: 2, allowMissing: ['blocks.1.norm1.bias'] });
  expect(subject.allowed).toEqual(['blocks.1.norm1.bias']);
  expect(subject.trained.get('blocks.1.norm1.bias')).toEqual(new Float32Array(16));
  const images = await photos(['a', 'b'], 4);
  const flags = ['--train', images, '--k', '3', '--heads', '2', '--no-report'];
  const said = await dinoIn(folder, 'eval', 'knn', path, ...flags, '--allow_missing', 'blocks.1.norm1.bias');
  expect(said).toMatchObject({ code: 0 });
  expect(said.err).toContain('lacks blocks.1.norm1.bias, as allowed');
});
