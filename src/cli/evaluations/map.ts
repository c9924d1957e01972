/** `dino map`: a map of images by their features, to walk through in a browser. */
import { basename } from 'node:path';
import { z } from 'zod';
import { type FeatureMaps, featureMaps } from '../../eval/map/feature-map.ts';
import { mapMethods, mapPage, mappedNetworks, mapStatement } from '../../eval/map/section.ts';
import { featureTitle } from '../../model/backbone.ts';
import { counted } from '../../numbers/counted.ts';
import { renderMapPage } from '../../report/map/map-page.ts';
import { makeAtlas, smallImages } from '../../report/pictures/atlas-node.ts';
import { openImages } from '../open-images.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation } from './evaluation.ts';

/** Side of a small picture: 5000 of them stay below 16 megapixels, which phones can show. */
const SIDE = 44;
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
        `${path} holds ${counted(source.length, 'image')}, too few to lie near or far: a map needs ${FEWEST} or more.`,
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
        `Perplexity ${found.perplexity.toFixed(1)} instead of ${perplexity}: ${counted(indices.length, 'image has', 'images have')} no more neighbors to keep.`,
      );
    }
    onProgress('pictures', 0, indices.length);
    const atlas = await makeAtlas(smallImages(source, indices, SIDE), indices.length, SIDE);
    const names = Array.from(indices, (index) => source.key(index));
    const { classes } = source;
    const page = renderMapPage(
      mapPage(found, { title: `Map of ${basename(source.name)}`, names, classes, atlas }),
    );
    const file = write('map.html', new TextEncoder().encode(page));
    write('map.csv', new TextEncoder().encode(asCsv(found, names, classes)));
    const scores = Object.fromEntries(
      mappedNetworks.map(([network]) => [
        network,
        Object.fromEntries(
          mapMethods.map(([method]) => [method, maps[network][method].accuracy?.value ?? null]),
        ),
      ]),
    );
    const { size } = subject;
    return {
      ...mapStatement(found, {
        ...{ feature: featureTitle(subject.backbone), size, of: source.length, names, classes },
        ...{ iterations, page: file },
      }),
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
          mappedNetworks.map(([network]) => [
            network,
            Object.fromEntries(
              mapMethods.map(([method]) => [method, Array.from(maps[network][method].positions)]),
            ),
          ]),
        ),
      },
    };
  },
});

/** One line an image. */
function asCsv({ maps, labels }: FeatureMaps, names: readonly string[], classes: readonly string[]): string {
  const columns = mappedNetworks.flatMap(([network]) => mapMethods.map(([method]) => ({ network, method })));
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
