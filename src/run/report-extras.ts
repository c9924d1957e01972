/** What a report shows of a run that its folder does not tell: kept beside it, so that a report that is written later shows it too. */
import { z } from 'zod';
import type { Source } from '../data/source.ts';
import type { Report } from '../report/model.ts';
import type { RunFolder } from './run-folder-node.ts';

const accuracySchema = z.object({ top1: z.record(z.string(), z.number()) });
const knnSchema = z.object({
  trained: accuracySchema,
  untrained: accuracySchema,
  pixels: accuracySchema,
  pca: accuracySchema.optional(), // earlier runs have none
  bankImages: z.number(),
  testImages: z.number(),
});
const extrasSchema = z.object({
  title: z.string().optional(),
  knn: knnSchema.optional(),
  scenesSeed: z.number().optional(),
});

/** What only some runs have. */
export interface ReportExtras {
  readonly title?: string | undefined;
  readonly source?: Source;
  /** k-NN on images that were not trained on. */
  readonly knn?: z.infer<typeof knnSchema> | undefined;
  /** Scenes with object masks: the seed that made them. */
  readonly scenesSeed?: number | undefined;
}

const EXTRAS = 'report-extras.json';

/** Kept in the folder, so that a report that is written later shows them too. */
export function keptExtras(folder: RunFolder, { source, ...given }: ReportExtras): ReportExtras {
  if (Object.keys(given).length > 0) folder.writeTextAtomic(EXTRAS, `${JSON.stringify(given, null, 2)}\n`);
  const kept = folder.has(EXTRAS) ? readExtras(folder) : {};
  return { ...kept, ...given, ...(source === undefined ? {} : { source }) };
}

function readExtras(folder: RunFolder): z.infer<typeof extrasSchema> {
  try {
    return extrasSchema.parse(JSON.parse(folder.readText(EXTRAS)));
  } catch (error) {
    throw new Error(
      `${folder.file(EXTRAS)} is damaged: delete it, and the report goes without what it held.`,
      {
        cause: error,
      },
    );
  }
}

/** The accuracies at the head of a report. */
export function accuracyOf(knn: ReportExtras['knn']): Pick<Report, 'accuracy'> {
  if (knn === undefined) return {};
  const [k = '20'] = Object.keys(knn.trained.top1);
  const share = (percent: number | undefined): number => (percent ?? 0) / 100;
  return {
    accuracy: {
      trained: share(knn.trained.top1[k]),
      untrained: share(knn.untrained.top1[k]),
      rawPixels: share(knn.pixels.top1[k]),
      ...(knn.pca === undefined ? {} : { pixelPca: share(knn.pca.top1[k]) }),
      neighbors: Number(k),
      bankImages: knn.bankImages,
      testImages: knn.testImages,
    },
  };
}
