/** Retrieval in anyone's folders, the part of `dino eval retrieval` without official ground truth. */
import type { Grouping } from '../../../data/image-groups.ts';
import type { Source } from '../../../data/source.ts';
import type { RetrievalReport } from '../../../eval/retrieval/retrieval-report.ts';
import { retrievalStatement } from '../../../eval/retrieval/section.ts';
import { comparedNames } from '../../../features/baselines.ts';
import { featureTitle } from '../../../model/backbone.ts';
import { counted } from '../../../numbers/counted.ts';
import { withThumbnails } from '../../../report/pictures/thumbnails.ts';
import type { OpenedSets } from '../../open-sets.ts';
import type { EvaluationContext, EvaluationResult } from '../evaluation.ts';

export interface AskedFolder extends Pick<OpenedSets, 'notes' | 'facts'> {
  readonly source: Source;
  /** The queries, where they are other images. */
  readonly test: Source | undefined;
  readonly grouping: Grouping;
  readonly size: number;
  readonly multiScale: boolean;
}

export async function folderResult(
  report: RetrievalReport,
  { source, test, grouping, size, multiScale, notes, facts }: AskedFolder,
  { subject, warn }: EvaluationContext,
): Promise<EvaluationResult> {
  const { queries, database, queriesWithPositives, whitening, skipped, chance, gains } = report;
  warnOf(report, warn);
  const feature = featureTitle(subject.backbone);
  const statement = await withThumbnails(source, (images) =>
    withThumbnails(test ?? source, (asked) =>
      retrievalStatement(report, {
        ...{ feature, size, multiScale, grouping, images },
        queries: test === undefined ? undefined : asked,
      }),
    ),
  );
  return {
    ...statement,
    notes,
    shown: size,
    scores: {
      ...Object.fromEntries(
        comparedNames.map((name) => {
          const { intervals: _, ...scores } = report[name];
          return [name, scores];
        }),
      ),
      chance,
    },
    skipped,
    details: {
      gains,
      intervals: Object.fromEntries(comparedNames.map((name) => [name, report[name].intervals])),
      protocol: {
        size,
        multiScale,
        grouping,
        queries,
        database,
        queriesWithPositives,
        ...(whitening && { whitening }),
        ...facts,
      },
    },
  };
}

/** What was left out, and why. */
function warnOf(
  { certain, database, queries, queriesWithPositives }: RetrievalReport,
  warn: (text: string) => void,
): void {
  if (certain.length > 0)
    warn(
      `Recall at ${certain.join(', ')} left out: among so many of ${database} images even a random order finds one that is right.`,
    );
  if (queriesWithPositives < queries)
    warn(
      `${queries - queriesWithPositives} of ${counted(queries, 'query has', 'queries have')} no image to find and ${queries === 1 ? 'is' : 'are'} left out.`,
    );
}
