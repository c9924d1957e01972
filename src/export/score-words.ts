/** Scores of evaluations (`eval/<name>.json` of a run) as a line of text each, for people who don't know the files. */
import { z } from 'zod';
import { counted, fixed } from '../numbers/counted.ts';

/** A score in one number, of one network. */
interface MainScore {
  /** What it measures. */
  readonly what: string;
  readonly value: number;
  readonly isPercent: boolean;
}

const number = z.number();
const top1 = z.looseObject({ top1: number });

const percent = (what: string, value: number): MainScore => ({ what, value, isPercent: true });
const share = (what: string, value: number): MainScore => ({ what, value, isPercent: false });

/** The number that stands for an evaluation, read from what one network or baseline scored; undefined if it is not there. */
const mainScores: Readonly<Record<string, (scores: unknown) => MainScore | undefined>> = {
  knn(scores) {
    const byK = z.looseObject({ top1: z.record(z.string(), number) }).safeParse(scores).data?.top1 ?? {};
    const k = '20' in byK ? '20' : (Object.keys(byK).at(-1) ?? '');
    const value = byK[k];
    return value === undefined
      ? undefined
      : percent(`accuracy of ${counted(Number(k), 'nearest neighbor')}`, value);
  },
  linear: (scores) => ofTop1('accuracy of a linear classifier on the features', scores),
  finetune: (scores) => ofTop1('accuracy after fine-tuning', scores),
  logistic(scores) {
    const budgets = Object.entries(z.record(z.string(), top1).safeParse(scores).data ?? {});
    const [title, last] = budgets.at(-1) ?? [];
    return last === undefined
      ? undefined
      : percent(`accuracy of logistic regression on the features (labels: ${title})`, last.top1);
  },
  cluster: (scores) =>
    ofField('nmi', 'agreement of clusters with classes (normalized mutual information, 0 to 1)', scores),
  masks: (scores) => ofField('bestHead', 'overlap of attention with objects (Jaccard index, 0 to 1)', scores),
  video: (scores) => ofField('jAndF', 'masks carried through video (J and F, 0 to 1)', scores),
  copies: (scores) => ofField('map', 'altered copies found (mean average precision, 0 to 1)', scores),
  retrieval(scores) {
    const what = 'images of a kind found (mean average precision, 0 to 1)';
    const medium = z.looseObject({ medium: z.unknown() }).safeParse(scores).data?.medium;
    return ofField('map', what, medium ?? scores);
  },
};

function ofTop1(what: string, scores: unknown): MainScore | undefined {
  const found = top1.safeParse(scores).data;
  return found === undefined ? undefined : percent(what, found.top1);
}

function ofField(name: string, what: string, scores: unknown): MainScore | undefined {
  const value = z.looseObject({ [name]: number }).safeParse(scores).data?.[name];
  return typeof value === 'number' ? share(what, value) : undefined;
}

/** Baselines that a score stands beside, and what they are called. */
const besides: readonly (readonly [string, string])[] = [
  ['untrained', 'the same network untrained'],
  ['pixels', 'raw pixels'],
  ['box', 'a box in the middle'],
  ['kept', 'the first mask kept'],
  ['chance', 'a random order'],
];

const recordSchema = z.looseObject({
  protocol: z.looseObject({ testImages: number.optional() }).optional().catch(undefined),
  largestClass: top1.optional().catch(undefined),
});

/**
 * "accuracy of 20 nearest neighbors: 68.4 % (10000 test images; the same network untrained 37.5 %, raw pixels 45.4 %)"
 *
 * @param evaluation name of the evaluation
 * @param record what its file holds
 * @returns undefined for an evaluation without a score of the trained network
 */
export function scoreWords(evaluation: string, record: unknown): string | undefined {
  const parsed = recordSchema.safeParse(record).data;
  const main = Object.hasOwn(mainScores, evaluation) ? mainScores[evaluation] : undefined;
  const score = main?.(parsed?.trained);
  if (parsed === undefined || main === undefined || score === undefined) return undefined;
  const text = ({ value, isPercent }: MainScore): string =>
    isPercent ? `${fixed(value, 1)} %` : fixed(value, 3);
  const images = parsed.protocol?.testImages;
  const others = besides.flatMap(([name, title]) => {
    const other = main(parsed[name]);
    return other === undefined ? [] : [`${title} ${text(other)}`];
  });
  if (parsed.largestClass !== undefined)
    others.push(`always the largest class ${fixed(parsed.largestClass.top1, 1)} %`);
  const notes = [...(images === undefined ? [] : [counted(images, 'test image')]), others.join(', ')].filter(
    (note) => note !== '',
  );
  return `${score.what}: ${text(score)}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}
