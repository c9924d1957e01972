/**
 * Vision Transformer weights from any layout: which layout it is and where in the file it begins, what network it describes,
 * and its tensors under our names. Strict: what is missing, unexpected or of another shape is named, never passed over.
 */
import { f32, type StoredTensor } from '../format/safetensors.ts';
import { input, ParameterSet } from '../graph/index.ts';
import { type VitConfig, vit } from '../model/vit.ts';
import { forBlock, type Layout, layouts } from './layouts.ts';
import type { NetworkShape } from './network-config.ts';
import type { LazyTensor, StateDict } from './state-dict.ts';

export interface FoundVit {
  readonly layout: Layout;
  /** What stands before the layout's names, such as `teacher/backbone.`. */
  readonly prefix: string;
  /** Other places in the file that hold a network of a known layout. */
  readonly alternatives: readonly string[];
  /** The network; how many attention heads it has may be open. */
  readonly config: OpenVitConfig;
  /** Our names that the file does not have. */
  readonly missing: readonly string[];
  /** Tensors under the prefix that nothing is known about. */
  readonly unexpected: readonly string[];
  /** Tensors under the prefix that belong to a head or pooler, and are not loaded. */
  readonly extras: readonly string[];
  readonly misshapen: readonly { readonly name: string; readonly shape: string; readonly wanted: string }[];
  /** Reads the tensors: our names, float32. */
  weights(): Map<string, Float32Array>;
}

/** A network whose shapes are known, and perhaps not its number of heads. */
export type OpenVitConfig = Omit<VitConfig, 'heads'> & { readonly heads: number | undefined };

export interface FindOptions {
  /** What to call the file in errors. */
  readonly name: string;
  /** Which network of a full checkpoint; `teacher`, or the only one, unless given. */
  readonly checkpointKey?: string;
  /** Attention heads. Default: what the file says, or, at the widths of DINO's and DINOv2's networks, one for every 64. */
  readonly heads?: number;
  /** False where queries, keys and values have no biases, whatever the file holds. */
  readonly qkvBias?: boolean;
}

/** @throws Error if the file holds no Vision Transformer of a known layout */
export function findVit(file: StateDict, options: FindOptions): FoundVit {
  const dict = withoutChunks(file);
  const { layout, prefix, others } = locate(dict, options);
  const nested = others.filter((other) => other.length > prefix.length && other.startsWith(prefix));
  const under = new Map(
    [...dict.tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) && !nested.some((other) => name.startsWith(other))
        ? [[name.slice(prefix.length), tensor]]
        : [],
    ),
  );
  const named = toOfficial(under, layout);
  const { heads } = file.facts;
  const config = inferConfig(named.tensors, heads === undefined ? options : { heads, ...options });
  if (options.qkvBias === false)
    for (let i = 0; i < config.depth; i++)
      named.tensors.set(`blocks.${i}.attn.qkv.bias`, zeroTensor(3 * config.dim));
  const wanted = expectedShapes(config);
  const extras = named.rest.filter((name) => layout.extras.some((pattern) => pattern.test(name)));
  return {
    layout,
    prefix,
    alternatives: others.map(placeName),
    config,
    missing: [...wanted.keys()].filter((name) => !named.tensors.has(name)),
    unexpected: [
      ...named.rest.filter((name) => !extras.includes(name)),
      ...[...named.tensors.keys()].filter((name) => !wanted.has(name)),
    ],
    extras,
    misshapen: [...wanted].flatMap(([name, shape]) => {
      const found = named.tensors.get(name)?.shape;
      if (found === undefined || String(found) === String(shape)) return [];
      return [{ name, shape: `[${found.join(', ')}]`, wanted: `[${shape.join(', ')}]` }];
    }),
    weights: () =>
      new Map(
        [...named.tensors].flatMap(([name, tensor]) =>
          wanted.has(name) ? [[name, f32(tensor.read())]] : [],
        ),
      ),
  };
}

/** @throws Error naming what does not fit, unless all of it is among `allowMissing` */
export function checkComplete(found: FoundVit, file: string, allowMissing: readonly string[] = []): void {
  const missing = found.missing.filter((name) => !allowMissing.includes(name));
  const problems = [
    ...missing.map((name) => `lacks ${name}`),
    ...found.misshapen.map(({ name, shape, wanted }) => `has ${name} of shape ${shape} instead of ${wanted}`),
    ...found.unexpected.map((name) => `has ${name}, which is not part of the network`),
  ];
  if (problems.length === 0) return;
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more; dino inspect lists them)` : '';
  throw new Error(`${file} ${first}${more}: give the weights of a whole network, or --allow_missing.`);
}

/** @param name of the file, for errors @throws Error if it is open how many attention heads there are */
export function requireHeads({ heads, ...config }: OpenVitConfig, name: string): VitConfig {
  if (heads !== undefined) return { ...config, heads };
  throw new Error(
    `${name}: a width of ${config.dim} does not tell how many attention heads there are: give --heads.`,
  );
}

/** What a config beside the weights has to agree with. */
export function shapeOf(config: OpenVitConfig): NetworkShape {
  const { dim, depth, mlpRatio, imageSize, patchSize, channels, swiglu = false, registers = 0 } = config;
  return {
    dim,
    depth,
    hidden: Math.round(dim * mlpRatio),
    imageSize,
    patchSize,
    channels,
    swiglu,
    registers,
  };
}

/** What a choice calls the network under a prefix. */
function placeName(prefix: string): string {
  return prefix === '' ? '"" at the top of the file' : prefix.replace(/\/$/, '');
}

function locate(
  dict: StateDict,
  { name, checkpointKey }: FindOptions,
): { layout: Layout; prefix: string; others: string[] } {
  const places = layouts.flatMap((layout) =>
    [...dict.tensors.keys()].flatMap((key) => {
      const before = key.slice(0, key.length - layout.anchor.length);
      const isAnchor =
        key.endsWith(layout.anchor) && /(^|[./])$/.test(before) && !before.startsWith('optimizer');
      return isAnchor ? [{ layout, prefix: before }] : [];
    }),
  );
  // `embeddings.cls_token` ends with `cls_token` as well: the longer anchor decides.
  const own = places.filter(
    ({ layout, prefix }) =>
      !places.some(
        (other) => other.layout.anchor.length > layout.anchor.length && prefix.startsWith(other.prefix),
      ),
  );
  const keys = ({ prefix }: { prefix: string }): string[] => prefix.replace(/[./]$/, '').split(/[./]/);
  const asked = own.find((place) => keys(place).includes(checkpointKey ?? 'teacher'));
  const [only] = own.length === 1 ? own : [];
  if (asked === undefined && only !== undefined && checkpointKey !== undefined)
    if (keys(only).some((key) => key === 'teacher' || key === 'student'))
      throw new Error(
        `${name}: the file holds no ${checkpointKey}, only ${placeName(only.prefix)}: leave --checkpoint_key out.`,
      );
  const chosen = asked ?? only;
  if (chosen !== undefined) {
    return {
      ...chosen,
      others: own.filter((place) => place !== chosen).map(({ prefix }) => prefix),
    };
  }
  if (own.length === 0) {
    const [first = 'nothing'] = dict.tensors.keys();
    throw new Error(
      `${name}: no Vision Transformer of a known layout is in this file (its tensors begin with ${first}): give DINO, timm or Hugging Face ViT weights.`,
    );
  }
  throw new Error(
    `${name}: the file holds several networks (${own.map(({ prefix }) => placeName(prefix)).join(', ')}): choose one by --checkpoint_key.`,
  );
}

/** DINOv2's training checkpoints put blocks into chunks (`blocks.1.7.norm1`), whose numbers say nothing. */
function withoutChunks({ tensors, ...rest }: StateDict): StateDict {
  const plain = [...tensors].map(
    ([name, tensor]) => [name.replace(/(^|[./])blocks\.\d+\.(?=\d+\.)/, '$1blocks.'), tensor] as const,
  );
  return { ...rest, tensors: new Map(plain) };
}

/** Renames, and puts query, key and value one after another. */
function toOfficial(
  tensors: ReadonlyMap<string, LazyTensor>,
  { rules }: Layout,
): { tensors: Map<string, LazyTensor>; rest: string[] } {
  const renamed = new Map<string, LazyTensor>();
  const used = new Set<string>();
  const blocks = countBlocks(tensors, rules);
  for (const { official, foreign } of rules) {
    const count = official.includes('{i}') ? blocks : 1;
    for (let i = 0; i < count; i++) {
      const names = (typeof foreign === 'string' ? [foreign] : foreign).map((each) => forBlock(each, i));
      const parts = names.map((each) => tensors.get(each));
      if (parts.some((part) => part === undefined)) continue;
      for (const name of names) used.add(name);
      const found = parts.filter((part) => part !== undefined);
      renamed.set(forBlock(official, i), found.length === 1 ? found[0]! : rowsTogether(found));
    }
  }
  return { tensors: renamed, rest: [...tensors.keys()].filter((name) => !used.has(name)) };
}

function countBlocks(tensors: ReadonlyMap<string, LazyTensor>, rules: Layout['rules']): number {
  const [pattern = ''] = rules.flatMap(({ foreign }) => {
    const [name = ''] = typeof foreign === 'string' ? [foreign] : foreign;
    return name.includes('{i}') ? [name] : [];
  });
  const before = pattern.slice(0, pattern.indexOf('{i}'));
  const numbers = [...tensors.keys()].flatMap((name) => {
    const match = name.startsWith(before) ? /^\d+(?=\.)/.exec(name.slice(before.length)) : null;
    return match === null ? [] : [Number(match[0])];
  });
  return numbers.length === 0 ? 0 : Math.min(10_000, Math.max(...numbers) + 1);
}

function rowsTogether(parts: readonly LazyTensor[]): LazyTensor {
  const [first] = parts;
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = [rows, ...(first?.shape.slice(1) ?? [])];
  return {
    dtype: 'F32',
    shape,
    read(): StoredTensor {
      const values = parts.map((part) => f32(part.read()));
      const data = new Float32Array(values.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const value of values) {
        data.set(value, at);
        at += value.length;
      }
      return { dtype: 'F32', shape, data };
    },
  };
}

/** Of DINO's and DINOv2's networks, which all have a head for every 64 of the width. */
export const PUBLISHED_WIDTHS = [192, 384, 768, 1024, 1536];

/** The network that shapes describe. */
function inferConfig(tensors: ReadonlyMap<string, LazyTensor>, { name, heads }: FindOptions): OpenVitConfig {
  const shape = (of: string, axes: number): readonly number[] => {
    const found = tensors.get(of)?.shape;
    if (found === undefined || found.length !== axes) {
      throw new Error(
        `${name}: ${found === undefined ? `there is no ${of}` : `${of} has ${found.length} axes instead of ${axes}`}, so the network cannot be told: give the weights of a whole network.`,
      );
    }
    return found;
  };
  const [dim = 0, channels = 3, patchSize = 1] = shape('patch_embed.proj.weight', 4);
  const swiglu = tensors.has('blocks.0.mlp.w12.weight');
  const layerScale = tensors.has('blocks.0.ls1.gamma');
  const registers = tensors.has('register_tokens') ? (shape('register_tokens', 3)[1] ?? 0) : 0;
  const positions = shape('pos_embed', 3)[1] ?? 1;
  const side = Math.round(Math.sqrt(positions - 1));
  if (side ** 2 !== positions - 1) {
    throw new Error(
      `${name}: pos_embed has ${positions} positions, which are not a square and a class token: weights with a distillation token, or with positions for patches alone, cannot be read.`,
    );
  }
  const depth = [...tensors.keys()].filter((each) => /^blocks\.\d+\.norm1\.weight$/.test(each)).length;
  const hidden = swiglu
    ? (shape('blocks.0.mlp.w12.weight', 2)[0] ?? 8 * dim) / 2
    : (shape('blocks.0.mlp.fc1.weight', 2)[0] ?? 4 * dim);
  if (heads !== undefined && dim % heads !== 0)
    throw new Error(`${name}: ${heads} attention heads do not divide a width of ${dim}: give other --heads.`);
  return {
    imageSize: side * patchSize,
    patchSize,
    channels,
    dim,
    depth,
    heads: heads ?? (PUBLISHED_WIDTHS.includes(dim) ? dim / 64 : undefined),
    mlpRatio: hidden / dim,
    stem: 'patch',
    ...(layerScale ? { layerScale } : {}),
    ...(swiglu ? { swiglu } : {}),
    // As the published networks with registers were trained.
    ...(registers > 0 ? { registers, positions: { offset: 0, antialias: true } } : {}),
    ...(tensors.has('mask_token') ? { maskToken: true } : {}),
  };
}

function zeroTensor(length: number): LazyTensor {
  const shape = [length];
  return { dtype: 'F32', shape, read: () => ({ dtype: 'F32', shape, data: new Float32Array(length) }) };
}

/** What the network of a config has: shapes by name. */
function expectedShapes(config: OpenVitConfig): Map<string, readonly number[]> {
  const set = new ParameterSet();
  const side = config.imageSize;
  vit(set.scope, input('images', [1, config.channels, side, side]), { ...config, heads: config.heads ?? 1 });
  return new Map([...set.parameters.values()].map(({ name, shape }) => [name, shape]));
}
