/** `dino export <run> --to <layout>`: the teacher's network for use elsewhere. */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { statisticsFor } from '../data/assemble.ts';
import { openSubject, type Subject } from '../eval/subject.ts';
import { type StoredTensor, serializeSafetensors } from '../format/safetensors.ts';
import { serializeTorch } from '../format/torch-save.ts';
import { input, ParameterSet } from '../graph/index.ts';
import { imageFeature } from '../model/backbone.ts';
import { huggingFaceConfig, huggingFacePreprocessor } from '../weights/hugging-face.ts';
import { huggingFaceVit } from '../weights/layouts.ts';
import { modelCard } from '../weights/model-card.ts';
import { type NamedTensor, toLayout } from '../weights/to-layout.ts';
import { describeFields, parseFlags, UsageError } from './flags.ts';

const targets = ['huggingface', 'torch', 'timm', 'safetensors'] as const;

const fields = {
  to: z
    .enum(targets)
    .describe(
      'huggingface: a folder for transformers; torch: a .pth that torch.load reads; timm, safetensors: official names in safetensors',
    ),
  output: z.string().describe('where to write; <run>/export/<layout> unless given'),
  checkpoint: z.enum(['last', 'best']).describe('which checkpoint of the run; last unless given'),
};

const help = `dino export <run> --to <layout> [flags]

${describeFields(fields).join('\n')}`;

/** @returns the exit code */
export async function exportCommand(args: readonly string[]): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, { fields, switches: ['help'] });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const [run] = positionals;
  const { to, output, checkpoint = 'last' } = z.object(fields).partial().parse(values);
  if (run === undefined || to === undefined)
    throw new UsageError(`Which run, and where to? dino export <run> --to ${targets.join('|')}`);
  const subject = openSubject(run, { checkpoint });
  const target = output ?? subject.folder.file(`export/${to}`);
  const tensors = backboneTensors(subject);
  const files = new Map<string, readonly Uint8Array[]>();
  switch (to) {
    case 'huggingface': {
      const { backbone } = subject;
      if (backbone.kind !== 'vit' || backbone.stem === 'conv') {
        throw new Error(
          `Hugging Face's ViT has no place for ${backbone.kind === 'vit' ? 'a convolutional stem' : 'a convolutional network'}: train with --arch vit --stem patch, or export with --to torch.`,
        );
      }
      const stored = toLayout(tensors, huggingFaceVit, backbone.depth);
      files.set('model.safetensors', serializeSafetensors(stored, { format: 'pt' }));
      files.set('config.json', json(huggingFaceConfig(backbone)));
      files.set(
        'preprocessor_config.json',
        json(huggingFacePreprocessor(subject.size, statisticsFor(subject.channels))),
      );
      files.set('README.md', [new TextEncoder().encode(card(subject))]);
      break;
    }
    case 'torch':
      files.set('backbone.pth', serializeTorch(stored(tensors)));
      break;
    case 'timm':
    case 'safetensors':
      files.set('model.safetensors', serializeSafetensors(stored(tensors), { format: 'pt' }));
      break;
  }
  write(target, files);
  for (const name of files.keys()) console.log(join(target, name));
  return 0;
}

/** The teacher's backbone under our names, which are the official ones. */
function backboneTensors({ backbone, size, trained }: Subject): Map<string, NamedTensor> {
  const set = new ParameterSet();
  imageFeature(set.scope, input('images', [1, backbone.channels, size, size]), backbone, 'eval');
  return new Map(
    [...set.parameters.values(), ...set.buffers.values()].map(({ name, shape }) => {
      const values = trained.get(name);
      if (values === undefined) throw new Error(`the checkpoint lacks ${name}: it is of another network.`);
      return [name, { shape, values }];
    }),
  );
}

function stored(tensors: ReadonlyMap<string, NamedTensor>): Map<string, StoredTensor> {
  return new Map(
    [...tensors].map(([name, { shape, values }]) => [name, { dtype: 'F32', shape, data: values }]),
  );
}

function json(value: unknown): Uint8Array[] {
  return [new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)];
}

function card(subject: Subject): string {
  if (subject.record === undefined) return `# Weights from ${subject.name}\n\nConverted by dino-ts.\n`;
  const { config, source, steps, command } = subject.record;
  const scores = subject.folder.list('eval').flatMap((file) => {
    if (!file.endsWith('.json') || file.endsWith('.section.json')) return [];
    const { trained, untrained } = scoresSchema.parse(JSON.parse(subject.folder.readText(`eval/${file}`)));
    if (trained === undefined) return [];
    const text = `${JSON.stringify(trained)}${untrained === undefined ? '' : `, untrained ${JSON.stringify(untrained)}`}`;
    return [{ name: file.slice(0, -'.json'.length), text }];
  });
  return modelCard({
    images: source.images,
    source: source.path,
    network: `ViT of width ${config.dim}, ${config.depth} blocks, ${config.heads} heads, patches of ${config.patchSize}`,
    steps,
    batch: config.batchSizePerGpu,
    size: subject.size,
    patch: config.patchSize,
    command,
    scores,
  });
}

const scoresSchema = z.looseObject({ trained: z.unknown().optional(), untrained: z.unknown().optional() });

/** Writes all files or none. */
function write(target: string, files: ReadonlyMap<string, readonly Uint8Array[]>): void {
  const status = statSync(target, { throwIfNoEntry: false });
  if (status !== undefined && (!status.isDirectory() || readdirSync(target).some((name) => !files.has(name))))
    throw new Error(`${target} exists and holds something else: choose another --output.`);
  mkdirSync(target, { recursive: true });
  try {
    for (const [name, parts] of files) writeFileSync(join(target, name), Buffer.concat(parts));
  } catch (error) {
    for (const name of files.keys()) rmSync(join(target, name), { force: true });
    throw new Error(
      `${target} could not be written (${error instanceof Error ? error.message : error}): make room or access.`,
    );
  }
}
