/** Numbered frames that an earlier call left in the folder of a video: those behind the last one would be taken for part of it. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunFolder } from '../../../run/run-folder-node.ts';

const FOLDERS = ['overlays', 'maps'];

/** @param number from 0 */
export function frameName(number: number): string {
  return `${String(number).padStart(5, '0')}.png`;
}

const recordSchema = z.looseObject({
  images: z.number(),
  protocol: z.looseObject({ video: z.literal(true) }),
});

/**
 * Removes frames from a number on that the latest `dino attend` into this folder wrote, by its record.
 *
 * @param results where that record is
 * @returns frames from that number on that stay, since nothing says that they were written here
 */
export function removeEarlierFrames(results: RunFolder, folder: string, from: number): string[] {
  const known = framesWritten(results);
  return FOLDERS.flatMap((name) => {
    const path = join(folder, name);
    const later = (existsSync(path) ? readdirSync(path) : []).flatMap((file) => {
      const number = Number(/^(\d{5,})\.png$/.exec(file)?.[1] ?? -1);
      return number >= from && file === frameName(number) ? [{ file, number }] : [];
    });
    for (const { file, number } of later) if (number < known) rmSync(join(path, file));
    return later.filter(({ number }) => number >= known).map(({ file }) => `${name}/${file}`);
  }).sort();
}

/** How many frames the latest call wrote; 0 where it was of no video, or nothing tells. */
function framesWritten(results: RunFolder): number {
  if (!results.has('eval/attend.json')) return 0;
  try {
    return recordSchema.parse(JSON.parse(results.readText('eval/attend.json'))).images;
  } catch {
    return 0; // of images, of an older version, or damaged
  }
}
