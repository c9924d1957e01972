/**
 * `dino quickstart [folder]`: the whole job in a few minutes. Without a folder it trains on generated scenes, whose classes
 * and object masks are known, so that everything can be measured; with one it trains on the user's images.
 */
import { z } from 'zod';
import { scenesSource } from '../../data/scenes-source.ts';
import { ortNode } from '../../engine/ort-node.ts';
import { withThreads } from '../../engine/with-threads.ts';
import { type KnnReport, knnReport } from '../../eval/classify/knn-report.ts';
import { examineKnn } from '../../eval/classify/knn-section.ts';
import { FrozenBackbone } from '../../features/frozen-backbone.ts';
import { DEFAULT_METHOD, methodNamed } from '../../method/registry.ts';
import { counted } from '../../numbers/counted.ts';
import { LAST } from '../../run/checkpoint-files.ts';
import { nodeMachine } from '../../run/machine-node.ts';
import { openSubject } from '../../run/open-subject-node.ts';
import { RunFolder } from '../../run/run-folder-node.ts';
import { newSession } from '../../run/session.ts';
import { findingLine } from '../../train/finding.ts';
import { labelsField } from '../../train/labels-field.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { openTrainingImages } from '../open-images.ts';
import { newRunFolder, type Place } from '../place.ts';
import { reportShown } from '../report-shown.ts';
import { parseFlags } from '../terminal/flags.ts';
import { helpSwitch, renderHelp } from '../terminal/help.ts';
import { phasesOn, progressLine } from '../terminal/progress.ts';
import { shellWords } from '../terminal/shell-words.ts';
import { prepareShown } from '../train/prepare-shown.ts';
import { showSession } from '../train/show-session.ts';
import { SCENES, sceneOptions } from './quickstart-scenes.ts';

const fields = {
  minutes: z.number().gt(0).describe('minutes of training; 3 unless given'),
  threads: z.number().int().min(1).describe('threads of the engine; one for each core unless given'),
  labels: labelsField,
  outputDir: z.string().describe('the run folder to make; runs/quickstart-<time> unless given'),
};

const help = renderHelp({
  usage: ['dino quickstart [folder] [flags]'],
  about:
    'A small network for a few minutes, and a report: on generated scenes, whose classes and masks are known, or on a folder of images.',
  examples: examples.quickstart,
  groups: [{ title: 'Flags', fields, switches: helpSwitch }],
});

const K = 20;

/** @returns the exit code */
export async function quickstart(args: readonly string[], { results }: Place): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, { fields, words: 1, switches: ['help'] });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const { minutes = 3, threads, labels, outputDir } = z.object(fields).partial().parse(values);
  const [path] = positionals;
  const source =
    path === undefined
      ? scenesSource({ ...SCENES.train, size: SCENES.size })
      : openTrainingImages(path, { labels });
  console.error(
    path === undefined
      ? `Training on ${SCENES.train.count} generated scenes: 10 classes of textured shapes with known object masks.`
      : `Training on the ${counted(source.length, 'image')} of ${path}.`,
  );
  const folder = RunFolder.create(outputDir ?? newRunFolder(results, 'quickstart-'));
  const options = {
    ...(path === undefined ? sceneOptions : {}),
    minutes,
    ...(threads === undefined ? {} : { threads }),
  };
  const prepared = await prepareShown({ source, options, ...nodeMachine }, folder);
  const session = await newSession(prepared, {
    source,
    folder,
    directory: process.cwd(),
    ...nodeMachine,
    command: `npx dino quickstart${args.length > 0 ? ` ${shellWords(args)}` : ''}`,
  });
  const outcome = await showSession(session, { json: false });
  if (outcome === 'stopped') return exitCodes.stopped;
  const isThere = folder.has(LAST); // a run may fail before its first one
  const knn =
    path === undefined && isThere ? await measureScenes(folder, session.record.config.threads) : undefined;
  if (knn !== undefined) {
    const finding = examineKnn(knn, String(K));
    if (finding !== undefined) session.log.diagnosis(session.plan.steps, finding);
    const percent = (accuracy: KnnReport['trained']): string => `${(accuracy.top1[K] ?? 0).toFixed(1)} %`;
    console.log(
      `${K}-NN accuracy on ${counted(knn.testImages, 'new scene')}: trained ${percent(knn.trained)}, untrained ${percent(knn.untrained)}, raw pixels ${percent(knn.pixels)}, PCA of pixels ${percent(knn.pca)}`,
    );
    if (finding !== undefined) console.error(findingLine(finding));
  }
  await reportShown(folder, {
    source,
    title: `${methodNamed(DEFAULT_METHOD).label} on ${path ?? 'generated scenes'}`,
    ...(knn === undefined ? {} : { knn, scenesSeed: SCENES.test.seed }),
  });
  console.log(`Open ${folder.file('report.html')} to see what it learned.`);
  return outcome === 'failed' ? exitCodes.failed : exitCodes.done;
}

async function measureScenes(folder: RunFolder, threads: number): Promise<KnnReport> {
  const { backbone: config, size, trained, untrained } = openSubject(folder.path);
  const backbone = new FrozenBackbone(config, size, ortNode, { threads });
  const line = progressLine(process.stderr);
  const phases = phasesOn(line, 'measuring, ');
  try {
    const report = await knnReport({
      train: scenesSource({ ...SCENES.bank, size: SCENES.size }),
      test: scenesSource({ ...SCENES.test, size: SCENES.size }),
      backbone,
      trained,
      untrained,
      ks: [K],
      temperature: 0.07,
      engine: withThreads(ortNode, threads),
      onProgress: phases.show,
    });
    phases.finish();
    return report;
  } finally {
    line.end();
    await backbone.dispose();
  }
}
