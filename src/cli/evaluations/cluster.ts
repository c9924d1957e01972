/** `dino eval cluster`: groups that k-means finds in the features, without labels, and how well they agree with classes. */
import { z } from 'zod';
import { labeledPart } from '../../data/subset.ts';
import { type ClusterScoreName, clusterReport } from '../../eval/cluster-report.ts';
import { type ContenderName, contenderTitles } from '../../eval/contenders.ts';
import type { Block } from '../../report/blocks.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { defineEvaluation, withInterval } from './evaluation.ts';
import { thumbnails } from './thumbnails.ts';

const contenders = Object.keys(contenderTitles) as ContenderName[];
const scoreTitles: Readonly<Record<ClusterScoreName, string>> = {
  nmi: 'NMI',
  ari: 'ARI',
  hungarianAccuracy: 'Hungarian accuracy',
  purity: 'purity',
};
const scoreNames = Object.keys(scoreTitles) as ClusterScoreName[];
const SHOWN_CLUSTERS = 20;
const SHOWN_IMAGES = 8;

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
  async run({ images, k, restarts = 3, seed = 0 }, { subject, backbone, engine, onProgress, warn }) {
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
      onProgress,
    });
    const { scored, tried, members, majorities, indices } = report;
    const protocol = `k-means of ${indices.length} images into ${report.k} groups: L2-normalized features at ${subject.size} pixels, best of ${restarts} runs${tried === undefined ? '' : ', k by the largest silhouette'}`;
    const groups = [];
    for (const [i, rows] of members.slice(0, SHOWN_CLUSTERS).entries()) {
      const shown = Array.from(rows.subarray(0, SHOWN_IMAGES), (row) => indices[row] ?? 0);
      const pictures = await thumbnails(source, shown);
      const most = majorities?.[i];
      groups.push({
        title: `Group ${i + 1}: ${rows.length} images${most === undefined ? '' : `, ${(100 * most.share).toFixed(0)} % ${source.classes[most.label] ?? ''}`}`,
        tiles: pictures.map((each, at) => ({ picture: each, name: source.key(shown[at] ?? 0) })),
      });
    }
    const blocks: Block[] = [];
    if (scored !== undefined) {
      for (const name of ['nmi', 'hungarianAccuracy'] as const) {
        blocks.push({
          kind: 'scores',
          title: scoreTitles[name],
          rows: contenders.map((each) => ({
            name: contenderTitles[each],
            value: scored[each].scores[name],
            ...scored[each].intervals[name],
          })),
        });
      }
    }
    if (tried !== undefined) {
      blocks.push({
        kind: 'chart',
        title: 'Silhouette',
        caption:
          'How much nearer images are to their own group than to the next one, by the number of groups.',
        xName: 'groups',
        series: [
          { name: 'silhouette', x: tried.map((each) => each.k), y: tried.map((each) => each.silhouette) },
        ],
      });
    }
    blocks.push({
      kind: 'tiles',
      title: 'The groups',
      caption: 'The images nearest to the center of each group: do they show the same kind of thing?',
      groups,
    });
    return {
      protocol,
      table:
        scored === undefined
          ? [
              ['groups', 'silhouette'],
              ...(tried ?? []).map((each) => [String(each.k), each.silhouette.toFixed(3)]),
            ]
          : [
              ['score (95 %)', ...scoreNames.map((name) => scoreTitles[name])],
              ...contenders.map((each) => [
                contenderTitles[each],
                ...scoreNames.map((name) =>
                  withInterval(scored[each].scores[name], scored[each].intervals[name], 3),
                ),
              ]),
            ],
      scores: {
        k: report.k,
        ...(scored === undefined
          ? { tried }
          : Object.fromEntries(contenders.map((each) => [each, scored[each].scores]))),
      },
      skipped: report.skipped,
      details: {
        protocol: { size: subject.size, restarts, seed, images: indices.length },
        ...(scored === undefined
          ? {}
          : {
              intervals: Object.fromEntries(contenders.map((each) => [each, scored[each].intervals])),
            }),
        groups: members.map((rows) => Array.from(rows, (row) => source.key(indices[row] ?? 0))),
      },
      section: {
        title: 'Clusters',
        intro: `${protocol}. No label was used to find the groups.`,
        blocks,
      },
    };
  },
});
