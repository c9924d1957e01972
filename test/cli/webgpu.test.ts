/** `--device webgpu`: a training and an evaluation on it, or a sentence where there is no GPU. */
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { temporaryFolder } from '../data/fixtures.ts';
import { webGpu } from '../engine/webgpu-device.ts';
import { dino } from './command.ts';
import { photos } from './tiny-network.ts';

const tiny = [
  ...['--arch', 'vit', '--dim', '8', '--depth', '1', '--heads', '2', '--patch_size', '8'],
  ...['--out_dim', '8', '--head_hidden_dim', '8', '--head_bottleneck_dim', '4'],
  ...['--global_crops_size', '16', '--local_crops_number', '0', '--batch_size_per_gpu', '4'],
  ...['--steps', '2', '--eval_every', '0', '--threads', '1', '--num_workers', '0'],
];

const known = webGpu.engines.length > 0;

it.skipIf(!known)(
  'trains, goes on where it stopped, and evaluates (needs a GPU, or SwiftShader)',
  async () => {
    const images = await photos(['red', 'blue'], 4);
    const folder = join(temporaryFolder(), 'run');
    const trained = await dino('train', images, '--output_dir', folder, '--device', 'webgpu', ...tiny);
    expect(trained.err).toContain(`Computes on ${webGpu.engines[0]?.name}.`);
    expect(trained.code, trained.err).toBe(0);
    const resumed = await dino('train', '--resume', folder, '--steps', '3');
    expect(resumed.err).toContain('Computes on WebGPU, ');
    expect(resumed.code, resumed.err).toBe(0);
    const asked = ['--train', images, '--k', '3', '--device', 'webgpu'];
    const measured = await dino('eval', 'knn', folder, ...asked);
    expect(measured.err).toContain('Computes on WebGPU, ');
    expect(measured.code, measured.err).toBe(0);
  },
  600_000,
);

it('does not go together with what only XLA devices have', async () => {
  const { code, err } = await dino('train', 'x', '--device', 'webgpu', '--precision', 'tf32');
  expect(code).toBe(2);
  expect(err).toContain('--device webgpu and --precision tf32 contradict each other: give one of them.');
});

it('says what is missing where no GPU is found', async () => {
  vi.stubEnv('VK_ICD_FILENAMES', join(temporaryFolder(), 'nowhere.json'));
  vi.resetModules();
  const { openWebGpu } = await import('../../src/engine/webgpu/dawn-node.ts');
  const opened = openWebGpu().finally(() => vi.unstubAllEnvs());
  if (process.platform === 'linux')
    await expect(opened).rejects.toThrow(/libvulkan1|needs the package webgpu/);
});
