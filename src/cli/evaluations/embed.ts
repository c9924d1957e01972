/** `dino embed`: the features of a folder as files, for other tools and for `dino search`. */
import { existsSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { SkippedImage } from '../../data/skipped-images.ts';
import { embedImages } from '../../features/embed-images.ts';
import { BANK_FILES, FeatureBankWriter, networkFingerprint } from '../../features/feature-bank-node.ts';
import { viewTitles } from '../../features/views.ts';
import { featureTitle } from '../../model/backbone.ts';
import { counted } from '../../numbers/counted.ts';
import { openImages } from '../open-images.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation, viewsField } from './evaluation.ts';

const usage = '<run> <source>';

export const embed = defineEvaluation({
  name: 'embed',
  summary: 'the features of images as files: NumPy and Parquet',
  usage,
  words: 1,
  isFlat: true,
  fields: {
    format: z.enum(['npy', 'parquet', 'both']).describe('npy, parquet or both; both unless given'),
    views: viewsField,
    normalize: z.boolean().describe('true: divide each feature by its L2 norm; false unless given'),
  },
  async run(
    { format = 'both', views = 1, normalize = false },
    { subject, backbone, paths, openFiles, onProgress, warn },
  ) {
    const [path] = paths;
    if (path === undefined) throw new UsageError(`Which images? dino embed ${usage}`);
    const source = openImages(path, subject.imageOptions, warn);
    const folder = openFiles();
    const formats = format === 'both' ? (['npy', 'parquet'] as const) : ([format] as const);
    const needed = source.length * backbone.dim * 4 * formats.length;
    warn(
      `${counted(source.length, 'image')} x ${counted(backbone.dim, 'number')}: about ${size(needed)} in ${folder}`,
    );
    const { bavail, bsize } = statfsSync(folder);
    if (needed > bavail * bsize) {
      throw new Error(
        `The features take ${size(needed)} and ${folder} has ${size(bavail * bsize)} left: give another --output, or one --format.`,
      );
    }
    const labels = source.classes.length > 0;
    const writer = new FeatureBankWriter(folder, {
      network: networkFingerprint(subject.trained),
      size: subject.size,
      channels: subject.channels,
      preprocessing: subject.preprocessing,
      dim: backbone.dim,
      views,
      normalized: normalize,
      source: path,
      labels,
      formats: [...formats],
    });
    const skipped: SkippedImage[] = [];
    let done = 0;
    const batches = embedImages(source, backbone, subject.trained, {
      normalize,
      views,
      onSkip: (key, reason) => void skipped.push({ key, reason }),
    });
    for await (const { indices, rows } of batches) {
      await writer.append(
        indices.map((index, i) => ({
          path: source.key(index),
          label: labels ? source.classes[source.label(index) ?? -1] : undefined,
          feature: rows.values.subarray(i * rows.dim, (i + 1) * rows.dim),
        })),
      );
      done += indices.length;
      onProgress('features', done, source.length);
    }
    if (done === 0)
      throw new Error(
        `${path}: none of its ${counted(source.length, 'image')} can be read; the first: ${skipped[0]?.key} ${skipped[0]?.reason}`,
      );
    const info = await writer.finish();
    const written = BANK_FILES.map((name) => join(folder, name)).filter((file) => existsSync(file));
    return {
      protocol: `features of ${counted(info.images, 'image')}${skipped.length > 0 ? ` (${skipped.length} could not be read)` : ''}: ${featureTitle(subject.backbone)} at ${info.size} pixels, ${counted(info.dim, 'number')}${viewTitles[views]}${normalize ? ', L2-normalized' : ''}`,
      table: written.map((file) => [file, size(statSync(file).size)]),
      scores: {
        images: info.images,
        dim: info.dim,
        views,
        normalized: normalize,
        output: folder,
        files: written,
      },
      skipped,
      details: { source: path, size: info.size, network: info.network },
    };
  },
});

function size(bytes: number): string {
  if (bytes < 1e3) return counted(bytes, 'byte');
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
