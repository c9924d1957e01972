/** `dino eval cluster`: groups that k-means finds in the features, without labels, and how well they agree with classes. */
import { z } from 'zod';
import { labeledPart } from '../../data/subset.ts';
import { clusterReport } from '../../eval/cluster/cluster-report.ts';
import { clusterStatement } from '../../eval/cluster/section.ts';
import { comparedNames } from '../../features/baselines.ts';
import { featureTitle } from '../../model/backbone.ts';
import { withThumbnails } from '../../report/pictures/thumbnails.ts';
import { openImages } from '../open-images.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation, knownOf } from './evaluation.ts';

export const cluster = defineEvaluation({
  name: 'cluster',
  summary: 'groups that k-means finds in the features: NMI, ARI, accuracy and purity where there are classes',
  usage: '<run> --images <source>',
  fields: {
    images: z.string().describe('images to group; class folders are only used for scores'),
    k: z
      .number()
      .int()
      .min(2)
      .describe('how many groups; one for each class unless given, without classes the best silhouette'),
    restarts: z.number().int().min(1).describe('runs of k-means, the best is kept; 3 unless given'),
    seed: z.number().int().min(0).describe('of the random starts; 0 unless given'),
  },
  async run(options, { subject, backbone, baselines, engine, onProgress, warn }) {
    const { images, k, restarts = 3, seed = 0 } = options;
    if (images === undefined) throw new UsageError('Clustering needs --images.');
    const all = openImages(images, subject.imageOptions, warn);
    const source = all.classes.length < 2 ? all : labeledPart(all);
    const report = await clusterReport({
      source,
      ...(k === undefined ? {} : { k }),
      restarts,
      seed,
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      engine,
      known: knownOf(baselines?.cluster, options, subject),
      onProgress,
    });
    const { scored, gains, tried, members, indices } = report;
    const { size } = subject;
    const { classes } = source;
    const facts = { feature: featureTitle(subject.backbone), size, restarts, classes };
    const statement = await withThumbnails(source, (pictured) => clusterStatement(report, facts, pictured));
    return {
      ...statement,
      scores: {
        k: report.k,
        ...(scored === undefined
          ? { tried }
          : Object.fromEntries(comparedNames.map((each) => [each, scored[each].scores]))),
      },
      skipped: report.skipped,
      details: {
        protocol: { size, k: report.k, restarts, seed, images: indices.length },
        ...(scored === undefined
          ? {}
          : {
              gains,
              intervals: Object.fromEntries(comparedNames.map((each) => [each, scored[each].intervals])),
            }),
        groups: members.map((rows) => Array.from(rows, (row) => source.key(indices[row] ?? 0))),
      },
    };
  },
});
