/** `dino inspect <file>`: what a file of weights holds, which network that is, and every tensor that does not fit. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { VitConfig } from '../model/vit.ts';
import { openFile } from '../weights/file-source-node.ts';
import { findLinearHead } from '../weights/linear-head.ts';
import { openStateDict, type StateDict } from '../weights/state-dict.ts';
import { findVit } from '../weights/vit-weights.ts';
import { describeFields, parseFlags, UsageError } from './flags.ts';
import { localWeights } from './local-weights.ts';

const fields = {
  checkpointKey: z.string().describe('which network of a full checkpoint; teacher unless given'),
  heads: z.number().int().min(1).describe('attention heads, where the width does not tell (64 a head)'),
};

const help = `dino inspect <file or known name> [flags]

A .safetensors or a file of torch.save (.pth, .pt, .bin): nothing in it is executed.

  --json               one JSON object on standard output
${describeFields(fields).join('\n')}`;

/** @returns the exit code: 0 if the weights are whole, 1 if something is missing, unexpected or of another shape */
export async function inspect(args: readonly string[]): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, { fields, switches: ['json', 'help'] });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const [path] = positionals;
  if (path === undefined) throw new UsageError('Which file? dino inspect <file>');
  const { checkpointKey, heads } = z.object(fields).partial().parse(values);
  const local = await localWeights(path);
  const folder = join(local, 'model.safetensors');
  const source = openFile(existsSync(folder) ? folder : local);
  try {
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
    const found = findVit(dict, {
      name: path,
      ...(checkpointKey === undefined ? {} : { checkpointKey }),
      ...(heads === undefined ? {} : { heads }),
    });
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
      `network: ViT, width ${config.dim}, ${config.depth} blocks, ${config.heads} heads, patches of ${config.patchSize}, images of ${config.imageSize} pixels, ${config.channels} channels${particulars(config)}`,
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
