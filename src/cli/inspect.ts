/** `dino inspect <file>`: what a file of weights holds, which network that is, and every tensor that does not fit. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { openSubject, readHuggingFaceConfig } from '../eval/subject.ts';
import { type BackboneConfig, describeNetwork } from '../model/backbone.ts';
import type { VitConfig } from '../model/vit.ts';
import { backboneOf } from '../train/build.ts';
import { checkpointRun } from '../train/checkpoint.ts';
import { parseRecord, type RunRecord, stepsOf } from '../train/run-record.ts';
import { openFile } from '../weights/file-source-node.ts';
import { findLinearHead } from '../weights/linear-head.ts';
import { openStateDict, type StateDict } from '../weights/state-dict.ts';
import { findVit } from '../weights/vit-weights.ts';
import { examples } from './examples.ts';
import { parseFlags, UsageError } from './flags.ts';
import { helpSwitch, renderHelp } from './help.ts';
import { localWeights } from './local-weights.ts';

const fields = {
  checkpointKey: z
    .string()
    .describe('which network of a full checkpoint: teacher or student; teacher unless given')
    .meta({ value: 'name' }),
  heads: z.number().int().min(1).describe('attention heads, where the width does not tell (64 a head)'),
};

const help = renderHelp({
  usage: ['dino inspect <file or known name> [flags]'],
  about:
    'Which network a .safetensors or a file of torch.save (.pth, .pt, .bin) holds. Nothing in it is executed.',
  examples: examples.inspect,
  groups: [
    { title: 'Flags', fields, switches: { json: 'one JSON object on standard output', ...helpSwitch } },
  ],
});

/** @returns the exit code: 0 if the weights are whole, 1 if something is missing, unexpected or of another shape */
export async function inspect(args: readonly string[]): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, {
    fields,
    words: 1,
    switches: ['json', 'help'],
  });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const [path] = positionals;
  if (path === undefined) throw new UsageError('Which file? dino inspect <file>');
  const { checkpointKey, heads } = z.object(fields).partial().parse(values);
  const local = await localWeights(path);
  const inside = ['model.safetensors', 'checkpoint.safetensors'].map((name) => join(local, name));
  const file = inside.find((each) => existsSync(each)) ?? local;
  const source = openFile(file);
  const told =
    basename(file) === 'model.safetensors' ? readHuggingFaceConfig(dirname(file))?.heads : undefined;
  const known = heads ?? told;
  const keys = {
    ...(checkpointKey === undefined ? {} : { checkpointKey }),
    ...(known === undefined ? {} : { heads: known }),
  };
  try {
    const own = checkpointRun(source);
    if (own !== undefined) {
      const { backbone, size, channels } = openSubject(file, keys);
      inspectCheckpoint(
        path,
        own.step,
        parseRecord(own.run, path),
        networkLine(backbone, size, channels),
        switches.has('json'),
      );
      return 0;
    }
    const dict = openStateDict(source);
    const head = dict.tensors.size <= 10 ? findLinearHead(dict) : undefined;
    if (head !== undefined) {
      const { classes, width } = head;
      if (switches.has('json'))
        console.log(JSON.stringify({ format: dict.format, linearHead: { classes, width } }));
      else
        console.log(
          `${path}: ${dict.format}, a linear classifier of ${classes} classes on features of width ${width}`,
        );
      return 0;
    }
    const found = findVit(dict, { name: path, ...keys });
    const { layout, prefix, alternatives, config, missing, unexpected, extras, misshapen } = found;
    const projection = projectionHead(dict, prefix);
    const whole = missing.length + unexpected.length + misshapen.length === 0;
    if (switches.has('json')) {
      const facts = {
        format: dict.format,
        layout: layout.name,
        prefix,
        alternatives,
        config,
        head: projection,
      };
      console.log(JSON.stringify({ ...facts, missing, unexpected, extras, misshapen, whole }));
      return whole ? 0 : 1;
    }
    const lines = [
      `${path}: ${dict.format}, ${dict.tensors.size} tensors`,
      `layout: ${layout.name}${prefix === '' ? '' : `, under "${prefix}"`}`,
      ...(alternatives.length === 0
        ? []
        : [`other networks in the file: ${alternatives.join(', ')} (--checkpoint_key)`]),
      networkLine({ kind: 'vit', ...config }, config.imageSize, config.channels),
      ...(projection === undefined
        ? []
        : [
            `head: K ${projection.outDim}, hidden ${projection.hiddenDim}, bottleneck ${projection.bottleneckDim}`,
          ]),
      ...missing.map((name) => `missing: ${name}`),
      ...misshapen.map(({ name, shape, wanted }) => `misshapen: ${name} is ${shape} and should be ${wanted}`),
      ...unexpected.map((name) => `unexpected: ${name}`),
      ...(extras.length === 0 ? [] : [`not part of the backbone: ${extras.join(', ')}`]),
      whole ? 'whole: every tensor of the network is there' : 'not whole: it will not be loaded as it is',
    ];
    for (const line of lines) console.log(line);
    return whole ? 0 : 1;
  } finally {
    source.close();
  }
}

/** A checkpoint of `dino train`, which says itself what it is. It was read whole by now, and is as it was written. */
function inspectCheckpoint(
  path: string,
  step: number,
  record: RunRecord,
  network: string,
  json: boolean,
): void {
  const { config } = record;
  const steps = stepsOf(record);
  const head = {
    outDim: config.outDim,
    hiddenDim: config.headHiddenDim,
    bottleneckDim: config.headBottleneckDim,
  };
  if (json) {
    const facts = {
      format: 'dino-ts checkpoint',
      step,
      steps,
      config: backboneOf(config),
      head,
      whole: true,
    };
    console.log(JSON.stringify(facts));
    return;
  }
  console.log(`${path}: checkpoint of dino train, ${step} of ${steps} steps done`);
  console.log(network);
  console.log(`head: K ${head.outDim}, hidden ${head.hiddenDim}, bottleneck ${head.bottleneckDim}`);
  console.log('whole: student, teacher, optimizer and centre, as they were written');
}

function networkLine(backbone: BackboneConfig, size: number, channels: number): string {
  const more = backbone.kind === 'vit' ? particulars(backbone) : '';
  return `network: ${describeNetwork(backbone)}, images of ${size} pixels, ${channels} channels${more}`;
}

/** What only some networks have. */
function particulars({ layerScale, swiglu, registers, maskToken }: VitConfig): string {
  return [
    layerScale === true ? ', layer scale' : '',
    swiglu === true ? ', SwiGLU' : '',
    registers === undefined ? '' : `, ${registers} registers`,
    maskToken === true ? ', a mask token' : '',
  ].join('');
}

/** Sizes of the projection head beside a backbone of a full checkpoint. */
function projectionHead(
  { tensors }: StateDict,
  prefix: string,
): { outDim: number; hiddenDim: number; bottleneckDim: number } | undefined {
  const head = prefix.replace(/backbone\.$/, 'head.');
  const last = tensors.get(`${head}last_layer.weight_v`)?.shape;
  const first = tensors.get(`${head}mlp.0.weight`)?.shape ?? tensors.get(`${head}mlp.weight`)?.shape;
  if (head === prefix || last === undefined || first === undefined) return undefined;
  return { outDim: last[0] ?? 0, hiddenDim: first[0] ?? 0, bottleneckDim: last[1] ?? 0 };
}
