/** The figures of a report as files: SVG of charts, scatters, bars and matrices, PNG of pictures side by side, and a list of their captions. */
import sharp from 'sharp';
import type { Block, Tile, TileBlock } from '../report/blocks.ts';
import { matrixSvg, scoresSvg } from '../report/charts/block-svg.ts';
import { chartSvg, scatterSvg } from '../report/charts/standalone-svg.ts';
import type { AttentionExample, NeighborQuery, Report } from '../report/model.ts';
import { otherCharts, runCharts } from '../report/page/curves.ts';
import type { Picture } from '../report/picture.ts';
import type { RunFolder } from './run-folder-node.ts';

interface Figure {
  /** Without a number in front; becomes the file's name. */
  readonly name: string;
  readonly caption: string;
  readonly extension: 'svg' | 'png';
  readonly bytes: Uint8Array;
}

/** Side of a picture in a grid, and the space between two, pixels. */
const SIDE = 128;
const GAP = 6;

/** @returns the files' names, inside `figures/` of the run */
export async function writeFigures(folder: RunFolder, report: Report): Promise<string[]> {
  const figures = [...chartFigures(report), ...(await pictureFigures(report))];
  const files = figures.map(
    ({ name, extension }, i) => `${String(i + 1).padStart(2, '0')}-${slug(name)}.${extension}`,
  );
  figures.forEach(({ bytes }, i) => {
    folder.writeAtomic(`figures/${files[i]}`, [bytes]);
  });
  const list = figures.map(({ name, caption }, i) => `## ${files[i]}\n\n${name}. ${caption}\n`);
  folder.writeTextAtomic('figures/captions.md', `# Figures: ${report.title}\n\n${list.join('\n')}`);
  return files;
}

function chartFigures({ curves, evaluations = [] }: Report): Figure[] {
  const charts = curves === undefined ? [] : [...runCharts(curves), ...otherCharts(curves)];
  const svg = (name: string, caption: string | undefined, text: string): Figure => ({
    name,
    caption: caption ?? '',
    extension: 'svg',
    bytes: new TextEncoder().encode(text),
  });
  const drawable = charts.filter(({ series }) => series.some(({ y }) => Array.from(y).some(Number.isFinite)));
  return [
    ...drawable.map((chart) => svg(chart.title, chart.caption, chartSvg(chart))),
    ...evaluations.flatMap(({ title, blocks }) =>
      blocks.flatMap((block) => {
        const name = `${title}: ${'title' in block ? (block.title ?? '') : ''}`;
        const text = blockSvg(block, name);
        return text === undefined ? [] : [svg(name, 'caption' in block ? block.caption : undefined, text)];
      }),
    ),
  ];
}

/** A block as a file, where it is a drawing; bars alone do not say what they measure, so that they get the longer name. */
function blockSvg(block: Block, name: string): string | undefined {
  switch (block.kind) {
    case 'chart':
      return chartSvg(block);
    case 'scatter':
      return scatterSvg(block);
    case 'scores':
      return scoresSvg({ ...block, title: name });
    case 'matrix':
      return matrixSvg(block);
    default:
      return undefined;
  }
}

async function pictureFigures({ attention, neighbors, evaluations = [] }: Report): Promise<Figure[]> {
  const figures: Figure[] = [];
  const add = async (name: string, caption: string, rows: Grid): Promise<void> => {
    if (rows.length > 0) figures.push({ name, caption, extension: 'png', bytes: await drawGrid(rows) });
  };
  for (const [i, example] of (attention?.examples ?? []).entries()) {
    const steps = example.steps.join(', ');
    await add(
      `Attention ${i + 1}: ${example.label ?? example.name}`,
      `Where the network looks, a row for each head: the image, the maps after step ${steps}${example.heads.some(({ mask }) => mask !== undefined) ? ', and what the last one keeps' : ''}. Look for heads that come to follow an object.`,
      attentionRows(example),
    );
  }
  await add(
    'Neighbors',
    `The first picture of each row was asked for; the others are its nearest neighbors${neighbors?.queries.some(({ untrained }) => untrained !== undefined) ? ', by the trained network in one row and by the untrained one in the next' : ''}. Look for neighbors that share more than colors.`,
    (neighbors?.queries ?? []).flatMap(neighborRows),
  );
  for (const { title, blocks } of evaluations) {
    for (const block of blocks) {
      if (block.kind === 'tiles')
        await add(`${title}: ${block.title ?? 'pictures'}`, block.caption ?? '', tileRows(block));
    }
  }
  return figures;
}

type Cell =
  | { readonly picture: Picture; readonly pixelated?: boolean; readonly mark?: Tile['mark'] }
  | undefined;
type Grid = readonly (readonly Cell[])[];

function attentionRows({ input, heads }: AttentionExample): Grid {
  return heads.map(({ maps, mask }, head) => [
    head === 0 ? { picture: input } : undefined,
    ...maps.map((picture) => ({ picture, pixelated: true })),
    ...(mask === undefined ? [] : [{ picture: mask }]),
  ]);
}

function neighborRows({ query, trained, untrained }: NeighborQuery): Grid {
  const row = (found: readonly { readonly picture: Picture }[], first: Cell) => [
    first,
    ...found.map(({ picture }) => ({ picture })),
  ];
  return [row(trained, query), ...(untrained === undefined ? [] : [row(untrained, undefined)])];
}

function tileRows({ groups }: TileBlock): Grid {
  return groups.map(({ tiles }) => tiles);
}

/** Pictures in rows, each fitted into a square, on white. */
async function drawGrid(rows: Grid): Promise<Uint8Array> {
  const columns = Math.max(1, ...rows.map((row) => row.length));
  const parts = rows.flatMap((row, y) =>
    row.flatMap((cell, x) => (cell === undefined ? [] : [{ cell, x, y }])),
  );
  const layers = await Promise.all(
    parts.map(async ({ cell: { picture, pixelated = false }, x, y }) => ({
      input: await sharp(picture.bytes)
        .resize(SIDE, SIDE, {
          fit: 'contain',
          background: '#ffffff',
          kernel: pixelated ? 'nearest' : 'cubic',
        })
        .png()
        .toBuffer(),
      left: GAP + x * (SIDE + GAP),
      top: GAP + y * (SIDE + GAP),
    })),
  );
  const frames = parts.flatMap(({ cell: { mark }, x, y }) =>
    mark === undefined
      ? []
      : [{ input: frameOf(mark), left: GAP + x * (SIDE + GAP), top: GAP + y * (SIDE + GAP) }],
  );
  return sharp({
    create: {
      width: GAP + columns * (SIDE + GAP),
      height: GAP + rows.length * (SIDE + GAP),
      channels: 3,
      background: '#ffffff',
    },
  })
    .composite([...layers, ...frames])
    .png()
    .toBuffer();
}

/** The frame that the page draws around a tile, and captions speak of: solid green, or dashed red. */
function frameOf(mark: NonNullable<Tile['mark']>): Buffer {
  const line = mark === 'same' ? 'stroke="#16877a"' : 'stroke="#d2432e" stroke-dasharray="9 6"';
  return Buffer.from(
    `<svg width="${SIDE}" height="${SIDE}"><rect x="2" y="2" width="${SIDE - 4}" height="${SIDE - 4}" fill="none" stroke-width="4" ${line}/></svg>`,
  );
}

/** Letters, digits and hyphens: safe on every file system. */
function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 60);
}
