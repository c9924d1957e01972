/**
 * Weights of a network from any layout: which layout it is and where in the file it begins, what network it describes,
 * and its tensors under our names. Strict: what is missing, unexpected or of another shape is named, never passed over.
 */
import { f32, type StoredTensor } from '../format/safetensors.ts';
import { input, ParameterSet } from '../graph/index.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import { closedConfig, inferConfig, type OpenConfig } from './infer-config.ts';
import { forBlock, type Layout, layouts, ownLayout, timesFor } from './layouts.ts';
import { damagedFacts } from './own-facts.ts';
import type { LazyTensor, StateDict } from './state-dict.ts';

export interface FoundNetwork {
  readonly layout: Layout;
  /** What stands before the layout's names, such as `teacher/backbone.`. */
  readonly prefix: string;
  /** Other places in the file that hold a network of a known layout. */
  readonly alternatives: readonly string[];
  /** The network; how many attention heads it has may be open. */
  readonly config: OpenConfig;
  /** What was taken for granted, since weights do not tell it; a sentence. */
  readonly assumed: string | undefined;
  /** Whether the file has every tensor of the network, those that are not missed (`missing`) as well. */
  readonly isWhole: boolean;
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

/** @throws Error if the file holds no network of a known layout */
export function findNetwork(file: StateDict, options: FindOptions): FoundNetwork {
  const dict = withoutChunks(file);
  const { heads, tokensNorm, backbone } = file.facts;
  const told = backbone === undefined ? undefined : toldShapes(backbone, options.name);
  const own = backbone && told && ownLayout(backbone.kind, [...told.keys()]);
  const { layout, prefix, others } = locate(dict, own === undefined ? layouts : [own], options);
  const nested = others.filter((other) => other.length > prefix.length && other.startsWith(prefix));
  const under = new Map(
    [...dict.tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) && !nested.some((other) => name.startsWith(other))
        ? [[name.slice(prefix.length), tensor]]
        : [],
    ),
  );
  const named = toOfficial(under, layout);
  const { config, assumed } = inferConfig(named.tensors, layout.kind, {
    ...(heads === undefined ? {} : { heads }),
    ...(tokensNorm === undefined ? {} : { tokensNorm }),
    ...(backbone === undefined ? {} : { backbone }),
    ...options,
  });
  if (options.qkvBias === false && config.kind === 'vit')
    for (let i = 0; i < config.depth; i++)
      named.tensors.set(`blocks.${i}.attn.qkv.bias`, zeroTensor(3 * config.dim));
  const wanted = told ?? expectedShapes(config);
  const extras = named.rest.filter((name) => layout.extras.some((pattern) => pattern.test(name)));
  return {
    layout,
    prefix,
    alternatives: others.map(placeName),
    config,
    assumed,
    isWhole: [...wanted.keys()].every((name) => named.tensors.has(name)),
    // What batches were counted for is of no use here, and older files lack it.
    missing: [...wanted.keys()].filter(
      (name) => !named.tensors.has(name) && !name.endsWith('num_batches_tracked'),
    ),
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
        [...wanted.keys()].flatMap((name) => {
          const tensor = named.tensors.get(name);
          return tensor === undefined ? [] : [[name, f32(tensor.read())]];
        }),
      ),
  };
}

/** @throws Error naming what does not fit, unless all of it is among `allowMissing` */
export function checkComplete(found: FoundNetwork, file: string, allowMissing: readonly string[] = []): void {
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

/** What a choice calls the network under a prefix. */
function placeName(prefix: string): string {
  return prefix === '' ? '"" at the top of the file' : prefix.replace(/\/$/, '');
}

function locate(
  dict: StateDict,
  known: readonly Layout[],
  { name, checkpointKey }: FindOptions,
): { layout: Layout; prefix: string; others: string[] } {
  const places = known.flatMap((layout) =>
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
      `${name}: no network of a known layout is in this file (its tensors begin with ${first}): give a ViT, XCiT or ResNet of DINO, timm, torchvision or Hugging Face.`,
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
  for (const { official, foreign } of rules) {
    const count = timesFor(typeof foreign === 'string' ? foreign : foreign[0], tensors.keys());
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

function zeroTensor(length: number): LazyTensor {
  const shape = [length];
  return { dtype: 'F32', shape, read: () => ({ dtype: 'F32', shape, data: new Float32Array(length) }) };
}

/** What a network that a file says it holds has. @throws Error if there is no such network */
function toldShapes(backbone: BackboneConfig, file: string): Shapes {
  try {
    return expectedShapes(backbone);
  } catch (error) {
    throw damagedFacts(file, error);
  }
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** What the network of a config has: shapes by name. */
function expectedShapes(config: OpenConfig): Shapes {
  const set = new ParameterSet();
  const side = config.kind === 'vit' ? config.imageSize : 64;
  imageFeature(set.scope, input('images', [1, config.channels, side, side]), closedConfig(config), 'eval');
  return new Map(
    [...set.parameters.values(), ...set.buffers.values()].map(({ name, shape }) => [name, shape]),
  );
}
