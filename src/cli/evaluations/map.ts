/** `dino map`: a map of images by their features, to walk through in a browser. */
import { basename } from 'node:path';
import { z } from 'zod';
import {
  type FeatureMaps,
  featureMaps,
  MAP_NEIGHBORS,
  type MapMethod,
  type MappedNetwork,
} from '../../eval/feature-map.ts';
import { folderGroups } from '../../eval/image-groups.ts';
import type { Block } from '../../report/blocks.ts';
import { type MapColoring, renderMapPage } from '../../report/map-page.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { makeAtlas, smallImages } from './atlas.ts';
import { defineEvaluation, withInterval } from './evaluation.ts';

const networks: readonly (readonly [MappedNetwork, string])[] = [
  ['trained', 'trained network'],
  ['untrained', 'the same, untrained'],
];
const methods: readonly (readonly [MapMethod, string])[] = [
  ['tsne', 't-SNE'],
  ['pca', 'PCA'],
];
/** Points of a scatter in the report; the page shows all. */
const DRAWN = 1500;
/** Side of a small picture: 5000 of them stay below 16 megapixels, which phones can show. */
const SIDE = 44;
const ADVICE =
  'Look for images of one kind that lie together, and for strangers among them. t-SNE keeps neighbors; distances between groups, sizes of groups and gaps mean nothing. PCA keeps large distances and shows only two directions of many.';

/** Images that a map takes at the least. */
const FEWEST = 3;

export const map = defineEvaluation({
  name: 'map',
  summary: 'a map of images by their features (t-SNE, PCA), as a page to walk through',
  usage: '<run> <source>',
  words: 1,
  fields: {
    perplexity: z.number().min(1).describe('about how many neighbors t-SNE keeps together; 20 unless given'),
    components: z.number().int().min(2).describe('principal components that t-SNE sees; 30 unless given'),
    iterations: z.number().int().min(1).describe('steps of t-SNE; 1000 unless given'),
    limit: z.number().int().min(1).describe('most images, a random choice of them; 5000 unless given'),
    seed: z.number().int().min(0).describe('of that choice; 0 unless given'),
  },
  async run({ perplexity = 20, components = 30, iterations = 1000, limit = 5000, seed = 0 }, context) {
    const { subject, backbone, engine, paths, onProgress, warn, write } = context;
    const [path] = paths;
    if (path === undefined) throw new UsageError('Which images? dino map <run> <source>');
    const source = openImages(path, subject.imageOptions, warn);
    if (source.length < FEWEST)
      throw new Error(
        `${path} holds ${source.length} ${source.length === 1 ? 'image' : 'images'}, too few to lie near or far: a map needs ${FEWEST} or more.`,
      );
    const found = await featureMaps({
      source,
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      engine,
      perplexity,
      components,
      iterations,
      limit,
      seed,
      onProgress,
    });
    const { indices, maps } = found;
    if (found.perplexity < perplexity) {
      warn(
        `Perplexity ${found.perplexity.toFixed(1)} instead of ${perplexity}: ${indices.length} images have no more neighbors to keep.`,
      );
    }
    const all = methods.flatMap(([method, methodName]) =>
      networks.map(([network, networkName]) => {
        const { positions, accuracy } = maps[network][method];
        return { method, methodName, network, networkName, positions, accuracy };
      }),
    );
    const protocol = `Map of ${indices.length} images${indices.length < source.length ? ` of ${source.length}` : ''}: L2-normalized features at ${subject.size} pixels, PCA to ${found.components}, t-SNE with perplexity ${Number(found.perplexity.toFixed(1))}, ${iterations} iterations`;
    const scoreName = `${MAP_NEIGHBORS}-NN in the map, %`;
    onProgress('pictures', 0, indices.length);
    const atlas = await makeAtlas(smallImages(source, indices, SIDE), indices.length, SIDE);
    const names = Array.from(indices, (index) => source.key(index));
    const colorings = colorsOf(found, names, source.classes);
    const [coloring] = colorings;
    const page = renderMapPage({
      title: `Map of ${basename(source.name)}`,
      intro: ADVICE,
      views: all.map(({ methodName, networkName, positions, accuracy }) => ({
        name: `${methodName}, ${networkName}`,
        positions,
        ...(accuracy === undefined
          ? {}
          : { note: `${scoreName}: ${withInterval(accuracy.value, accuracy.interval)}` }),
      })),
      names,
      colorings,
      atlas,
    });
    const file = write('map.html', new TextEncoder().encode(page));
    write('map.csv', new TextEncoder().encode(asCsv(found, names, source.classes)));
    warn(`The map: ${file}`);
    const scored = all.filter(({ accuracy }) => accuracy !== undefined);
    const blocks: Block[] = [];
    if (scored.length > 0) {
      blocks.push({
        kind: 'scores',
        title: `Classes told by ${MAP_NEIGHBORS} neighbors in the map`,
        top: 100,
        unit: ' %',
        rows: scored.map(({ methodName, networkName, accuracy }) => ({
          name: `${methodName}, ${networkName}`,
          value: accuracy?.value ?? Number.NaN,
          ...accuracy?.interval,
        })),
      });
    }
    const every = Math.max(1, Math.ceil(indices.length / DRAWN));
    for (const { method, methodName, networkName, positions } of all) {
      if (method === 'pca') continue;
      const caption =
        networkName === networks[0]?.[1]
          ? ADVICE
          : 'Groups that are here already come from color and layout, not from training.';
      blocks.push({
        kind: 'scatter',
        title: `${methodName}, ${networkName}`,
        caption: every === 1 ? caption : `${caption} One point in ${every} is drawn.`,
        groups: coloring?.groups ?? [],
        points: names.flatMap((name, i) =>
          i % every === 0
            ? [{ x: positions[2 * i]!, y: positions[2 * i + 1]!, group: coloring?.labels[i] ?? -1, name }]
            : [],
        ),
      });
    }
    const scores = Object.fromEntries(
      networks.map(([network]) => [
        network,
        Object.fromEntries(
          methods.map(([method]) => [method, maps[network][method].accuracy?.value ?? null]),
        ),
      ]),
    );
    return {
      protocol,
      table:
        scored.length === 0
          ? [['map', file]]
          : [
              [`${scoreName} (95 %)`, ...methods.map(([, name]) => name)],
              ...networks.map(([network, name]) => [
                name,
                ...methods.map(([method]) => {
                  const { accuracy } = maps[network][method];
                  return accuracy === undefined ? '' : withInterval(accuracy.value, accuracy.interval);
                }),
              ]),
            ],
      scores: { ...scores, perplexity: found.perplexity, divergence: found.divergence, page: file },
      skipped: found.skipped,
      details: {
        protocol: {
          size: subject.size,
          components: found.components,
          iterations,
          seed,
          images: indices.length,
        },
        images: names,
        labels: Array.from(found.labels, (label) => source.classes[label] ?? null),
        ...(found.clusters === undefined
          ? {}
          : { clusters: Array.from(found.clusters, (cluster) => cluster + 1) }),
        positions: Object.fromEntries(
          networks.map(([network]) => [
            network,
            Object.fromEntries(
              methods.map(([method]) => [method, Array.from(maps[network][method].positions)]),
            ),
          ]),
        ),
      },
      section: {
        title: 'Map of the features',
        intro: `${protocol}. The page eval/map/map.html beside this report shows the same with pictures, to zoom into.`,
        blocks,
      },
    };
  },
});

/** What images can be colored by: their classes; without any, the folders they lie in and the clusters of their features. */
function colorsOf(
  { labels, clusters }: FeatureMaps,
  names: readonly string[],
  classes: readonly string[],
): MapColoring[] {
  if (classes.length > 1) return [{ name: 'class', groups: classes, labels }];
  const folders = folderGroups(names);
  const colorings: MapColoring[] = [];
  if (folders !== undefined) {
    const { groups, labels: own } = folders;
    const loose = own.includes(-1);
    colorings.push({
      name: 'folder',
      groups: loose ? [...groups, 'in no folder'] : groups,
      labels: own.map((label) => (label < 0 ? groups.length : label)),
    });
  }
  if (clusters !== undefined) {
    const count = clusters.reduce((most, cluster) => Math.max(most, cluster + 1), 0);
    const groups = Array.from({ length: count }, (_, i) => `cluster ${i + 1}`);
    colorings.push({ name: 'cluster', groups, labels: clusters });
  }
  return colorings;
}

/** One line an image. */
function asCsv({ maps, labels }: FeatureMaps, names: readonly string[], classes: readonly string[]): string {
  const columns = networks.flatMap(([network]) => methods.map(([method]) => ({ network, method })));
  const head = columns.flatMap(({ network, method }) => [`${network}_${method}_x`, `${network}_${method}_y`]);
  const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const lines = names.map((name, i) =>
    [
      quote(name),
      quote(classes[labels[i]!] ?? ''),
      ...columns.flatMap(({ network, method }) => [
        maps[network][method].positions[2 * i]!,
        maps[network][method].positions[2 * i + 1]!,
      ]),
    ].join(','),
  );
  return `${['image', 'class', ...head].join(',')}\n${lines.join('\n')}\n`;
}
