/** The model card of an export: what the run folder knows of the network, its classifier and its scores. */
import { basename } from 'node:path';
import { z } from 'zod';
import { shellWord } from '../../data/shell-word.ts';
import type { Calibration } from '../../eval/classify/calibration.ts';
import type { CardLibrary } from '../../export/export-files.ts';
import { modelCard } from '../../export/model-card.ts';
import { scoreWords } from '../../export/score-words.ts';
import type { Preprocessing } from '../../image/preprocessing.ts';
import { methodNamed } from '../../method/registry.ts';
import { describeNetwork } from '../../model/backbone.ts';
import { wholePatch } from '../../model/places.ts';
import { counted } from '../../numbers/counted.ts';
import { type RunRecord, stepsOf } from '../../run/run-record.ts';
import type { Subject } from '../../run/subject.ts';
import { batchOf } from '../../train/config.ts';
import { toFlag } from '../../train/option-names.ts';
import { shellWords } from '../terminal/shell-words.ts';
import type { ClassifierKind } from './classifier-file.ts';

export interface ExportCardOptions {
  readonly library: CardLibrary;
  /** Name of the folder that is written. */
  readonly folder: string;
  readonly isHalved: boolean;
  /** As it is exported. */
  readonly preprocessing: Preprocessing;
  /** Which classifier is exported, if one is, and its classes. */
  readonly kind: ClassifierKind | undefined;
  readonly classes: readonly string[] | undefined;
  readonly calibration: Calibration | undefined;
  /** Words of the command after `dino export`. */
  readonly args: readonly string[];
}

const evaluationSchema = z.looseObject({ command: z.string().optional() });

export function exportCard(subject: Subject, { kind, args, ...rest }: ExportCardOptions): string {
  const { backbone, record, channels } = subject;
  const evaluations = subject.folder.list('eval').flatMap((file) => {
    if (!file.endsWith('.json') || file.endsWith('.section.json')) return [];
    const name = file.slice(0, -'.json'.length);
    if (kind !== undefined && name !== kind) return []; // others are not of the classifier
    return [{ name, found: evaluationSchema.parse(JSON.parse(subject.folder.readText(`eval/${file}`))) }];
  });
  const trained = evaluations.flatMap(({ found }) => (kind === undefined ? [] : (found.command ?? [])));
  return modelCard({
    ...rest,
    network: `${describeNetwork(backbone)}${record === undefined ? '' : `, trained with ${methodOf(record)}`}`,
    origin:
      record === undefined
        ? `Weights of ${basename(subject.name)}, converted by dino-ts.`
        : `Trained by dino-ts without labels on ${counted(record.source.images, 'image')} (${basename(record.source.path)}), ${counted(stepsOf(record), 'step')} of ${counted(batchOf(record.config), 'image')}.`,
    commands: [
      ...(record === undefined ? [] : [record.command, ...record.resumed]),
      ...trained,
      `npx dino export ${shellWords(args)}`,
    ].map(withoutFolders),
    isQuantized: backbone.kind === 'vit' || backbone.kind === 'xcit',
    multiple: wholePatch(backbone),
    isGray: channels === 1,
    scores: evaluations.flatMap(({ name, found }) => scoreWords(name, found) ?? []),
  });
}

/** "DINO"; "distillation (teacher runs/a)" */
function methodOf({ config }: RunRecord): string {
  const { label, frozen: option } = methodNamed(config.method);
  return option === undefined
    ? label
    : `${label} (${toFlag(option)} ${withoutFolders(shellWord(String(config[option])))})`;
}

/** Cards are published: of an absolute path they name the last part, and not where it is on whose machine. */
export function withoutFolders(command: string): string {
  return command.replaceAll(
    /(?<=^|[\s=])(?:'((?:~?[/\\]|[A-Za-z]:[/\\])(?:[^']|'\\'')*)'|((?:~?\/|[A-Za-z]:[/\\])\S*))/g,
    (path: string, quoted: string | undefined, plain: string | undefined) => {
      const name = (quoted ?? plain ?? '').split(/[/\\]/).findLast((part) => part !== '');
      if (name === undefined) return path;
      return quoted === undefined ? name : shellWord(name);
    },
  );
}
