/** What the page of a run shows, from its record and its log: facts, curves, findings. */

import { counted } from '../format/counted.ts';
import { methodNamed } from '../method/registry.ts';
import { describeNetwork } from '../model/backbone.ts';
import type { Finding } from '../report/finding.ts';
import type { Curve, Curves, Report } from '../report/model.ts';
import { backboneOf, methodOf } from '../train/build.ts';
import { standing } from '../train/finding.ts';
import { toFlag } from '../train/option-names.ts';
import { duration } from './duration.ts';
import type { LogLine } from './run-folder-node.ts';
import { IMAGES_KEY, overallRate, PIXELS_KEY } from './run-log.ts';
import { type RunRecord, stepsOf } from './run-record.ts';

/** Everything but the pictures and what evaluations found. */
export function runReport(record: RunRecord, log: readonly LogLine[]): Omit<Report, 'title'> {
  return {
    facts: facts(record, log),
    recipe: record.choices.map(({ name, value, reason }) => ({ name: `--${toFlag(name)}`, value, reason })),
    commands: [record.command, ...record.resumed],
    curves: curves(log, record),
    findings: findings(log),
  };
}

function facts(record: RunRecord, log: readonly LogLine[]): { name: string; value: string }[] {
  const { config, source } = record;
  const { title, describe } = methodNamed(config.method);
  const steps = stepsOf(record);
  const rate = overallRate(log, config.batchSizePerGpu);
  return [
    {
      name: 'Images',
      value: `${source.images} from ${source.path}${source.classes.length > 1 ? `, ${counted(source.classes.length, 'class', 'classes')}` : ''}`,
    },
    { name: 'Network', value: describeNetwork(backboneOf(config)) },
    { name: 'Method', value: `${title}, ${describe(config)}` },
    {
      name: 'Crops',
      value: methodOf(config)
        .views.map(({ count, size }) => `${count} of ${size} px`)
        .join(', '),
    },
    { name: 'Steps', value: `${steps} of ${counted(config.batchSizePerGpu, 'image')}` },
    {
      name: 'Speed',
      value: Number.isNaN(rate)
        ? 'no step was done'
        : `${rate.toFixed(0)} images a second over all steps, ${duration((steps * config.batchSizePerGpu) / rate)} of training`,
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

function curves(log: readonly LogLine[], { config }: RunRecord): Curves {
  const named = (
    [
      'train_lr',
      'train_wd',
      'teacher_momentum',
      'gradient_norm',
      'feature_cosine',
      'feature_rank',
      'images_per_second',
    ] as const
  ).flatMap((key) => {
    const found = curve(log, key);
    return found === undefined ? [] : [{ name: key.replaceAll('_', ' '), ...found }];
  });
  const method = methodOf(config);
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
    ...(linear === undefined ? {} : { linear }),
    ...(cluster === undefined ? {} : { cluster }),
    others: named,
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
