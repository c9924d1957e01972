/** What the page of a run shows, from its record and its log: facts, curves, findings. */

import { capitalized } from '../eval/statement.ts';
import type { Method } from '../method/method.ts';
import { methodNamed } from '../method/registry.ts';
import { describeNetwork } from '../model/backbone.ts';
import { counted } from '../numbers/counted.ts';
import type { Measured } from '../report/blocks.ts';
import type { Finding } from '../report/finding.ts';
import type { Curve, Curves, Report } from '../report/model.ts';
import { backboneOf, methodOf } from '../train/build.ts';
import { batchOf, evalSizeOf } from '../train/config.ts';
import { standing } from '../train/finding.ts';
import { toFlag } from '../train/option-names.ts';
import { type Choice, optionText } from '../train/recipe.ts';
import { duration } from './duration.ts';
import type { LogLine } from './run-folder-node.ts';
import { IMAGES_KEY, overallRate, PIXELS_KEY } from './run-log.ts';
import { givenOptions, type RunRecord, stepsOf } from './run-record.ts';

/** Everything but the pictures and what evaluations found. */
export function runReport(record: RunRecord, log: readonly LogLine[]): Omit<Report, 'title'> {
  const method = methodOf(record.config);
  return {
    facts: facts(record, log, method),
    recipe: [...given(record), ...record.choices].map(({ name, ...choice }) => ({
      ...choice,
      name: `--${toFlag(name)}`,
    })),
    ...repetition(record),
    curves: curves(log, record, method),
    findings: findings(log),
  };
}

/** What the recipe did not choose: given, measured, or what the network came with. */
function given(record: RunRecord): Choice[] {
  const { config, init, source } = record;
  const isQuickstart = source.scenes !== undefined;
  const usual = isQuickstart
    ? 'fits the generated scenes'
    : init === undefined
      ? 'given'
      : `given, or as in ${init.path}`;
  const reasons: Readonly<Record<string, string>> = {
    recipe: config.recipe === 'auto' ? 'the default' : 'given',
    microBatch: 'measured, unless given',
    ...(isQuickstart ? { minutes: 'given, or the default of the quickstart', threads: 'given' } : {}),
  };
  return givenOptions(record).map(([name, value]) => ({
    name,
    value: optionText(value),
    reason: reasons[name] ?? usual,
  }));
}

const MINUTES = / --minutes[ =]\S+/;

/** The commands of the run, and the one that makes as many steps as a budget in minutes held. */
function repetition(record: RunRecord): Pick<Report, 'commands' | 'timed'> {
  const commands = [record.command, ...record.resumed];
  if (record.config.minutes === undefined && !commands.some((command) => MINUTES.test(command)))
    return { commands };
  const [first = ''] = commands;
  const isTrained = commands.length === 1 && first.includes(' train ');
  const steps = ` --steps ${stepsOf(record)}`;
  const command = MINUTES.test(first) ? first.replace(MINUTES, steps) : first + steps;
  return { commands, timed: isTrained ? { command } : {} };
}

function facts(
  record: RunRecord,
  log: readonly LogLine[],
  { views }: Method,
): { name: string; value: string }[] {
  const { config, source } = record;
  const { label, paper, describe } = methodNamed(config.method);
  const steps = stepsOf(record);
  const rate = overallRate(log, batchOf(config));
  return [
    {
      name: 'Images',
      value: `${source.images} from ${source.path}${source.classes.length > 1 ? `, ${counted(source.classes.length, 'class', 'classes')}` : ''}`,
    },
    { name: 'Network', value: describeNetwork(backboneOf(config)) },
    { name: 'Method', value: `${capitalized(label)} (${paper}), ${describe(config)}` },
    {
      name: 'Crops',
      value: views.map(({ count, size }) => `${count} of ${size} px`).join(', '),
    },
    { name: 'Steps', value: `${steps} of ${counted(batchOf(config), 'image')}` },
    {
      name: 'Speed',
      value: Number.isNaN(rate)
        ? 'no step was done'
        : `${rate.toFixed(0)} images a second over all steps, ${duration((steps * batchOf(config)) / rate)} of training`,
    },
  ];
}

function curve(log: readonly LogLine[], key: string, factor = 1): Curve | undefined {
  const points = log.flatMap((line) =>
    typeof line[key] === 'number' ? [[Number(line.step), Number(line[key]) * factor] as const] : [],
  );
  return points.length === 0
    ? undefined
    : { steps: points.map(([step]) => step), values: points.map(([, value]) => value) };
}

function curves(log: readonly LogLine[], record: RunRecord, method: Method): Curves {
  const { config } = record;
  const named = [
    'train_lr',
    'train_wd',
    ...(methodNamed(config.method).hasTeacher ? ['teacher_momentum'] : []),
    'gradient_norm',
    'feature_cosine',
    'feature_rank',
    'images_per_second',
  ].flatMap((key) => {
    const found = curve(log, key);
    return found === undefined ? [] : [{ name: key.replaceAll('_', ' '), ...found }];
  });
  const measures = method.measures.flatMap(({ key, ...reading }) => {
    const found = curve(log, key);
    return found === undefined ? [] : [{ ...reading, ...found }];
  });
  const [loss, knn, linear, cluster] = [
    curve(log, 'train_loss'),
    curve(log, 'knn_top1', 0.01),
    curve(log, 'linear_top1', 0.01),
    curve(log, 'cluster_nmi'),
  ];
  const pixels = curve(log, PIXELS_KEY, 0.01);
  const evaluationImages = log.findLast((line) => typeof line[IMAGES_KEY] === 'number')?.[IMAGES_KEY];
  return {
    ...(loss === undefined ? {} : { loss: { ...method.loss, ...loss } }),
    measures,
    ...(knn === undefined ? {} : { knn }),
    ...(pixels === undefined ? {} : { knnPixels: pixels.values[0] ?? Number.NaN }),
    ...(evaluationImages === undefined ? {} : { evaluationImages: Number(evaluationImages) }),
    ...(evaluationImages === undefined ? {} : { measured: onlineMeasured(record, String(evaluationImages)) }),
    ...(linear === undefined ? {} : { linear }),
    ...(cluster === undefined ? {} : { cluster }),
    others: named,
  };
}

/** Online evaluations see images that the source alone decides, as far as there are to be so many. */
function onlineMeasured({ source, config }: RunRecord, images: string): Measured {
  const name = source.path.split(/[\\/]/).findLast((part) => part !== '') ?? source.path;
  return {
    data: { 'images of': `${name} (${source.fingerprint})` },
    protocol: { images, size: String(evalSizeOf(config)) },
  };
}

function findings(log: readonly LogLine[]): Finding[] {
  const found = log.flatMap((line): Finding[] => {
    const { step, severity, topic, title, detail, advice } = line;
    if (severity !== 'ok' && severity !== 'info' && severity !== 'warning' && severity !== 'error') return [];
    return [
      {
        severity,
        topic: String(topic ?? title),
        title: Number(step) > 0 ? `Step ${step}: ${title}` : String(title),
        detail: String(detail),
        ...(advice === undefined ? {} : { advice: String(advice) }),
      },
    ];
  });
  return standing(found);
}
