/** What a recipe has to know of the images: their size, how long they take to read, and whether they show anything. */
import { evenly } from '../data/evenly.ts';
import type { Source } from '../data/source.ts';
import { counted } from '../numbers/counted.ts';
import { distinctLevels, FEW_LEVELS, type ImageFacts } from '../train/examine-plan.ts';
import type { RunFacts } from '../train/recipe-parts.ts';

/** Number of images that are read for it. */
const PROBES = 24;

/** Reads a few images of a source. @throws Error if none of them can be read */
export async function sourceFacts(
  source: Source,
  cores: number,
): Promise<{ readonly facts: RunFacts; readonly seen: ImageFacts }> {
  const probes = evenly(source.length, PROBES);
  const reader = source.open();
  const sides: number[] = [];
  const odd: { key: string; levels: number }[] = [];
  let reason = '';
  const started = performance.now();
  try {
    for (const index of probes) {
      try {
        const { width, height, channels, data } = await reader.read(index);
        sides.push(Math.min(width, height));
        const levels = distinctLevels(data, channels);
        if (levels <= FEW_LEVELS) odd.push({ key: source.key(index), levels });
      } catch (error) {
        // The loader reports unreadable files; here they only do not count.
        reason ||= error instanceof Error ? error.message : String(error);
      }
    }
  } finally {
    reader.close();
  }
  if (sides.length === 0) {
    throw new Error(
      `${source.name}: none of the ${counted(probes.length, 'image')} that were tried can be read; the first: ${reason}`,
    );
  }
  sides.sort((a, b) => a - b);
  const plain = odd.filter(({ levels }) => levels === 1).length;
  return {
    facts: {
      images: source.length,
      imageSide: sides[sides.length >> 1] ?? 0,
      channels: source.channels,
      cores,
      readMilliseconds: (performance.now() - started) / sides.length,
    },
    seen: { seen: sides.length, plain, coarse: odd.length - plain, example: odd[0]?.key },
  };
}
