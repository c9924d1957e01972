/** `dino export <run> --to <target>`: the teacher's network for use elsewhere. */

import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Engine } from '../../engine/engine.ts';
import { ortNode } from '../../engine/ort-node.ts';
import { withThreads } from '../../engine/with-threads.ts';
import { type ExportedFiles, exportFiles, exportTargets, HALF_MODEL } from '../../export/export-files.ts';
import { trainStepFiles } from '../../export/train-step.ts';
import { statisticsFor } from '../../image/normalize.ts';
import { counted } from '../../numbers/counted.ts';
import { LAST } from '../../run/checkpoint-files.ts';
import { openRecordedFrozen } from '../../run/frozen-network-node.ts';
import { openSubject } from '../../run/open-subject-node.ts';
import { RunFolder } from '../../run/run-folder-node.ts';
import { readRecord } from '../../run/run-record.ts';
import { trainerOptionsOf } from '../../train/build.ts';
import { restoreCheckpoint } from '../../train/checkpoint.ts';
import { isForeign } from '../../train/contradictions.ts';
import { Plan } from '../../train/plan.ts';
import { Trainer } from '../../train/trainer.ts';
import { examples } from '../examples.ts';
import { localWeights } from '../local-weights.ts';
import { networkFields } from '../network-fields.ts';
import type { Place } from '../place.ts';
import { askedPreprocessing } from '../preprocessing-flags.ts';
import { tellChoice } from '../tell-choice.ts';
import { parseFlags, UsageError } from '../terminal/flags.ts';
import { helpSwitch, renderHelp } from '../terminal/help.ts';
import { classifierKinds, readClassifier } from './classifier-file.ts';
import { exportCard } from './export-card.ts';
import { exportedView, probeImages } from './export-images.ts';
import { writeExport } from './write-export.ts';

const fields = {
  to: z
    .enum(exportTargets)
    .describe(
      'huggingface: a folder for transformers; transformers.js: one for browsers and Node; onnx: model.onnx; torch: a .pth that torch.load reads; timm, safetensors: official names in safetensors',
    ),
  output: z
    .string()
    .describe(
      'where to write; unless given export/<target> in the run folder, with -linear or -finetune behind it for a classifier, export/train-step for --train_step; of weights that are in no run, in the folder of their results',
    ),
  ...networkFields,
  classifier: z
    .enum(classifierKinds)
    .describe('export a classifier with its labels: the one that dino eval linear or finetune has trained'),
};

const help = renderHelp({
  usage: ['dino export <run or weights> --to <target> [flags]', 'dino export <run> --train_step'],
  about: "The teacher's network for use elsewhere, or the training step.",
  examples: examples.export,
  groups: [
    {
      title: 'Flags',
      fields,
      switches: {
        attentions: 'ONNX models give the attention maps of every block too',
        trainStep:
          'instead of --to: the training step of a run as ONNX programs, for any language with ONNX Runtime',
        ...helpSwitch,
      },
    },
  ],
});

/** @returns the exit code */
export async function exportCommand(args: readonly string[], { results }: Place): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, {
    words: 1,
    fields,
    switches: ['help', 'attentions', 'trainStep'],
  });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const [run] = positionals;
  const given = z.object(fields).partial().parse(values);
  const { to, output, checkpoint = 'last', checkpointKey, heads, classifier: kind } = given;
  const engine = withThreads(ortNode, given.threads ?? availableParallelism());
  const attentions = switches.has('attentions');
  if (switches.has('trainStep')) {
    if (run === undefined) throw new UsageError('Which run? dino export <run> --train_step');
    if (to !== undefined || kind !== undefined)
      throw new UsageError('--train_step is a target of its own: leave --to and --classifier out.');
    return exportTrainStep(run, output, engine);
  }
  if (run === undefined || to === undefined)
    throw new UsageError(`Which run, and where to? dino export <run> --to ${exportTargets.join('|')}`);
  if (attentions && to !== 'onnx' && to !== 'transformers.js')
    throw new UsageError(
      `--attentions is for --to onnx and transformers.js: --to ${to} holds weights alone.`,
    );
  const asked = askedPreprocessing(values);
  const subject = openSubject(await localWeights(run), {
    results,
    checkpoint,
    preprocessing: asked,
    ...(checkpointKey === undefined ? {} : { checkpointKey }),
    ...(heads === undefined ? {} : { heads }),
  });
  tellChoice(subject.choice);
  const classifier = kind === undefined ? undefined : readClassifier(subject, kind);
  const isFolder = to === 'huggingface' || to === 'transformers.js';
  const { preprocessing, enlarges, note } = isFolder
    ? await exportedView(subject, asked, classifier)
    : { preprocessing: subject.preprocessing, enlarges: false, note: undefined };
  const target = output ?? subject.folder.file(`export/${to}${kind === undefined ? '' : `-${kind}`}`);
  const { files, notes } = await exportFiles(
    {
      backbone: subject.backbone,
      preprocessing,
      enlarges,
      levels: subject.imageOptions.levels,
      seed: subject.seed,
      weights: classifier?.weights ?? subject.trained,
      ...(classifier === undefined ? {} : { classifier: classifier.head }),
      card: (library, isHalved) =>
        exportCard(subject, {
          ...{ library, isHalved, preprocessing, kind, args },
          folder: basename(resolve(target)),
          classes: classifier?.head.classes,
          calibration: classifier?.calibration,
        }),
    },
    to,
    { attentions, engine, probe: () => probeImages(preprocessing, subject.channels) },
  );
  const replaces = writeExport(target, files);
  if (replaces && isFolder && !files.has(HALF_MODEL)) rmSync(join(target, HALF_MODEL), { force: true }); // of an export before
  tellWritten(target, files, replaces);
  for (const each of note === undefined ? notes : [note, ...notes]) console.error(each);
  const { backbone } = subject;
  if ((to === 'torch' || to === 'timm') && backbone.kind === 'vit' && backbone.heads * 64 !== backbone.dim)
    console.error(
      `Whoever loads it has to say that it has ${backbone.heads} attention heads (timm: num_heads=${backbone.heads}): their number does not follow from the width of ${backbone.dim}.`,
    );
  if (isFolder && subject.channels === 1)
    console.error(
      'It takes gray images: others have to be made gray before (RawImage.grayscale(), PIL convert("L")).',
    );
  return 0;
}

/** The step that comes next in a run, with the state of its last checkpoint. */
async function exportTrainStep(run: string, output: string | undefined, engine: Engine): Promise<number> {
  const folder = RunFolder.open(run);
  const record = readRecord(folder);
  if (!folder.has(LAST)) throw new Error(`${folder.file(LAST)} does not exist: let the run write one first.`);
  if (!isForeign('dropPathRate', record.config) && record.config.dropPathRate > 0)
    console.error('Stochastic depth is left out: exported steps have no random numbers besides their crops.');
  const { engineOptions: _, ...options } = trainerOptionsOf({
    ...record.config,
    dropPathRate: 0,
    microBatch: undefined,
  });
  const frozen = (await openRecordedFrozen(record, localWeights))?.weights;
  const trainer = await Trainer.create({ ...options, engine, frozen });
  try {
    const { step } = restoreCheckpoint(trainer.state, folder.read(LAST), folder.file(LAST));
    const plan = new Plan(record.config, record.steps, record.stepsPerEpoch, record.paces);
    if (step >= plan.steps)
      throw new Error(
        `${run} has done all of its ${counted(step, 'step')}: stop a run before its end to export what is left.`,
      );
    const target = output ?? folder.file('export/train-step');
    const files = await trainStepFiles(trainer, {
      ...{ plan, fromStep: step, frozen },
      statistics: statisticsFor(record.config.channels),
    });
    tellWritten(target, files, writeExport(target, files));
    return 0;
  } finally {
    await trainer.dispose();
  }
}

function tellWritten(target: string, files: ExportedFiles, replaces: boolean): void {
  if (replaces) console.error(`The export that was in ${target} is replaced.`);
  for (const name of files.keys()) console.log(join(target, name));
}
