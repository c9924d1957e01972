/** What a map of features says of itself, and what images can be colored by. */
import { folderGroups } from '../../data/image-groups.ts';
import { comparedTitles } from '../../features/baselines.ts';
import { counted } from '../../numbers/counted.ts';
import type { ScatterBlock } from '../../report/blocks.ts';
import type { MapColoring, MapPage } from '../../report/map/map-page.ts';
import { gridBars, gridTable, type Score, type ScoreGrid, scoreText } from '../../report/score-grid.ts';
import type { FeatureFacts, Statement } from '../statement.ts';
import {
  type FeatureMaps,
  MAP_NEIGHBORS,
  type MapMethod,
  type MappedNetwork,
  type PlaneMap,
} from './feature-map.ts';

export const mappedNetworks: readonly (readonly [MappedNetwork, string])[] = [
  ['trained', comparedTitles.trained],
  ['untrained', comparedTitles.untrained],
];
export const mapMethods: readonly (readonly [MapMethod, string])[] = [
  ['tsne', 't-SNE'],
  ['pca', 'PCA'],
];
/** Points of a scatter in the report; the page shows all. */
const DRAWN = 1500;
const SCORE = `${MAP_NEIGHBORS}-NN in the map, %`;
/** What to look for. */
const ADVICE =
  'Look for images of one kind that lie together, and for strangers among them. t-SNE keeps neighbors; distances between groups, sizes of groups and gaps mean nothing. PCA keeps large distances and shows only two directions of many.';

export interface MapFacts extends FeatureFacts {
  /** Images of the source, of which those of the map are some. */
  readonly of: number;
  /** Names of the mapped images, and of their classes. */
  readonly names: readonly string[];
  readonly classes: readonly string[];
  /** Steps of t-SNE. */
  readonly iterations: number;
  /** The page that shows the same with pictures. */
  readonly page: string;
}

export function mapStatement(found: FeatureMaps, facts: MapFacts): Statement {
  const { indices, components, perplexity } = found;
  const { feature, size, of, iterations, page } = facts;
  const protocol = `Map of ${counted(indices.length, 'image')}${indices.length < of ? ` of ${of}` : ''}: L2-normalized ${feature} at ${size} pixels, PCA to ${components}, t-SNE with perplexity ${Number(perplexity.toFixed(1))}, ${counted(iterations, 'iteration')}`;
  const isScored = mappedNetworks.some(([network]) => found.maps[network].tsne.accuracy !== undefined);
  const bars = {
    corner: '',
    columns: [{ title: SCORE }],
    rows: allMaps(found).map(({ name, accuracy }) => ({
      name,
      cells: [accuracy && scoreOf(accuracy)],
    })),
  };
  return {
    protocol,
    table: [...(isScored ? gridTable(mapGrid(found)) : []), [`The map: ${page}`]],
    section: {
      title: 'Map of the features',
      intro: `${protocol}. The page eval/map/map.html beside this report shows the same with pictures, to zoom into.`,
      blocks: [
        ...(isScored
          ? [
              gridBars(bars, SCORE, {
                title: `Classes told by ${MAP_NEIGHBORS} neighbors in the map`,
                top: 100,
                unit: ' %',
              }),
            ]
          : []),
        ...scatters(found, facts),
      ],
    },
  };
}

/** The page to walk through. @param atlas small pictures of the images, in their order */
export function mapPage(
  found: FeatureMaps,
  { title, names, classes, atlas }: Pick<MapPage, 'title' | 'names' | 'atlas'> & Pick<MapFacts, 'classes'>,
): MapPage {
  return {
    title,
    intro: ADVICE,
    views: allMaps(found).map(({ name, positions, accuracy }) => ({
      name,
      positions,
      ...(accuracy === undefined ? {} : { note: `${SCORE}: ${scoreText(scoreOf(accuracy))}` }),
    })),
    names,
    colorings: mapColorings(found, names, classes),
    atlas,
  };
}

function scoreOf({ value, interval }: NonNullable<PlaneMap['accuracy']>): Score {
  return { value, ...interval };
}

/** Every map with its name. */
function allMaps({ maps }: FeatureMaps) {
  return mapMethods.flatMap(([method, methodName]) =>
    mappedNetworks.map(([network, networkName]) => ({
      ...maps[network][method],
      method,
      network,
      name: `${methodName}, ${networkName}`,
    })),
  );
}

function mapGrid({ maps }: FeatureMaps): ScoreGrid {
  return {
    corner: `${SCORE} (95 %)`,
    columns: mapMethods.map(([, title]) => ({ title })),
    rows: mappedNetworks.map(([network, name]) => ({
      name,
      cells: mapMethods.map(([method]) => {
        const { accuracy } = maps[network][method];
        return accuracy && scoreOf(accuracy);
      }),
    })),
  };
}

function scatters(found: FeatureMaps, { names, classes }: MapFacts): ScatterBlock[] {
  const [coloring] = mapColorings(found, names, classes);
  const every = Math.max(1, Math.ceil(names.length / DRAWN));
  return allMaps(found).flatMap(({ method, network, name: title, positions }) => {
    if (method === 'pca') return [];
    const caption =
      network === 'trained'
        ? ADVICE
        : 'Groups that are here already come from color and layout, not from training.';
    return {
      kind: 'scatter',
      title,
      caption: every === 1 ? caption : `${caption} One point in ${every} is drawn.`,
      groups: coloring?.groups ?? [],
      points: names.flatMap((name, i) =>
        i % every === 0
          ? [{ x: positions[2 * i]!, y: positions[2 * i + 1]!, group: coloring?.labels[i] ?? -1, name }]
          : [],
      ),
    };
  });
}

/** What images can be colored by: their classes; without any, the folders they lie in and the clusters of their features. */
function mapColorings(
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
