/** The pictures of a report, kept beside it: a report that is written when the images have gone shows them as they were. */
import { z } from 'zod';
import type { Report } from '../report/model.ts';
import { decodeStored, encodeStored } from '../report/page/stored-section.ts';
import type { RunFolder } from './run-folder-node.ts';

/** What is drawn on images. */
export type PictureSections = Pick<Report, 'attention' | 'neighbors' | 'objectMasks'>;

const FILE = 'report-pictures.json';

const schema = z.object({
  attention: z.looseObject({ examples: z.array(z.unknown()) }).optional(),
  neighbors: z.looseObject({ queries: z.array(z.unknown()) }).optional(),
  objectMasks: z.looseObject({ classes: z.array(z.unknown()) }).optional(),
});

export function keepPictures(folder: RunFolder, pictures: PictureSections): PictureSections {
  folder.writeTextAtomic(FILE, encodeStored(pictures));
  return pictures;
}

/** @returns undefined where there are none, or where they are damaged */
export function keptPictures(folder: RunFolder): PictureSections | undefined {
  if (!folder.has(FILE)) return undefined;
  try {
    // The parts are taken as `keepPictures` wrote them: a schema would repeat the whole model.
    return schema.parse(decodeStored(folder.readText(FILE))) as unknown as PictureSections;
  } catch {
    return undefined;
  }
}
