import { describe, expect, it } from 'vitest';
import { dinoHealth } from '../../src/method/dino-health.ts';
import type { Vitals } from '../../src/method/method.ts';
import { Random } from '../../src/random/random.ts';
import type { Finding } from '../../src/report/finding.ts';
import { featureSpread } from '../../src/rows/feature-spread.ts';
import { examine, examineFeatures } from '../../src/train/doctor.ts';
import { examineScores } from '../../src/train/examine-scores.ts';
import { standing } from '../../src/train/finding.ts';

const method = dinoHealth(1024);
const uniform = Math.log(1024);

interface Step extends Partial<Vitals> {
  readonly teacherEntropy?: number;
}

function vitals({ teacherEntropy = 5, loss = 5.5, ...values }: Step): Vitals[] {
  return Array.from({ length: 50 }, (_, i) => ({
    step: i + 1,
    loss,
    measures: { teacher_entropy: teacherEntropy, kl: loss - teacherEntropy },
    lr: 1e-3,
    gradientNorm: 0.3,
    ...values,
  }));
}

const titles = (values: Step): string[] => examine(vitals(values), method).map(({ title }) => title);

describe('the doctor', () => {
  it('finds nothing wrong with a run between the collapses', () => {
    expect(titles({})).toEqual(['No collapse']);
  });

  it('names the uniform collapse, and not a uniform teacher whose student still differs', () => {
    expect(titles({ teacherEntropy: uniform - 1e-3, loss: uniform })).toEqual(['Uniform collapse']);
    expect(titles({ teacherEntropy: uniform - 1e-3, loss: uniform + 0.5 })).toEqual(['No collapse']);
  });

  it('names the collapse onto one prototype', () => {
    expect(titles({ teacherEntropy: 1e-3, loss: 2e-3 })).toEqual(['Collapse onto one prototype']);
  });

  it('names a learning rate of 0 and gradients that have vanished', () => {
    expect(titles({ lr: 0 })).toEqual(['The learning rate is 0']);
    expect(titles({ gradientNorm: 1e-9 })).toEqual(['Gradients have vanished']);
  });
});

describe('the spread of features', () => {
  const random = new Random(1, 'spread');
  const [images, dim] = [500, 8];
  const features = (directions: number, offset: number): Float32Array =>
    Float32Array.from(
      { length: images * dim },
      (_, i) => (i % dim < directions ? random.normal() : 0) + offset,
    );

  it('has a rank of the number of directions in which features differ', () => {
    // Normalized to length 1, isotropic features have equal variances along their axes.
    expect(featureSpread(features(8, 0), dim).rank).toBeCloseTo(8, 0);
    expect(featureSpread(features(3, 0), dim).rank).toBeCloseTo(3, 0);
    expect(featureSpread(new Float32Array(images * dim).fill(1), dim).rank).toBe(0);
  });

  it('has the mean cosine of all pairs', () => {
    const few = Float32Array.of(1, 0, 0, 2, -3, 0);
    expect(featureSpread(few, 2).meanCosine).toBeCloseTo((0 - 1 + 0) / 3, 6);
    expect(featureSpread(features(8, 1000), dim).meanCosine).toBeGreaterThan(0.999);
  });

  it('is reported where features are all alike, unless the images are too few to tell', () => {
    const alike = featureSpread(features(8, 1000), dim);
    expect(examineFeatures(alike, 500, method)).toMatchObject({
      severity: 'warning',
      title: 'Features are nearly all alike',
    });
    expect(examineFeatures(alike, 500, method, 0.2)?.severity).toBe('info');
    expect(examineFeatures({ meanCosine: 0.992, rank: 12 }, 500, method)?.severity).toBe('warning');
    expect(examineFeatures(alike, 5, method)).toBeUndefined();
    expect(examineFeatures(featureSpread(features(8, 0), dim), 500, method)?.severity).toBe('ok');
  });
});

describe('scores', () => {
  const compared = (trained: number, untrained: number, pixels?: number, images = 500) =>
    examineScores({ what: '20-NN', images, trained, others: { untrained, 'raw pixels': pixels } });

  it('are a warning where training did not lift them above everything else', () => {
    expect(compared(60, 40, 50)?.severity).toBe('ok');
    expect(compared(45, 40, 50)).toMatchObject({
      severity: 'warning',
      title: 'Training has not helped: it is no better than raw pixels',
      detail: expect.stringContaining(
        '20-NN on 500 images: trained 45.0 %, untrained 40.0 %, raw pixels 50.0 %',
      ),
    });
    expect(compared(40, 40, 41)?.title).toContain('no better than untrained and raw pixels');
    expect(compared(Number.NaN, 40)).toBeUndefined();
    expect(
      examineScores({ what: '20-NN', images: 500, trained: 50, others: { untrained: undefined } }),
    ).toBeUndefined();
  });

  it('are a note where the gain is no more than chance, and where images are few', () => {
    // Two shares near one half of 500 images differ by chance by 1.96 sqrt(2 x .25 / 500) = 6.2 %.
    expect(compared(53, 47.5)?.severity).toBe('info');
    expect(compared(54, 47.5)?.severity).toBe('ok');
    expect(compared(15.5, 13.8, 12.1, 58)?.severity).toBe('info');
    expect(compared(100, 0, 0, 49)).toEqual({
      severity: 'info',
      topic: 'scores',
      title: 'Too few images to say whether training helped',
      detail:
        '20-NN on 49 images: trained 100.0 %, untrained 0.0 %, raw pixels 0.0 %. With so few, scores differ by chance.',
      advice: 'Measure on 50 images or more.',
    });
    expect(compared(100, 0, 0, 50)?.severity).toBe('ok');
    expect(
      examineScores({
        what: 'mAP',
        images: 1,
        of: 'queries',
        scale: 'unit',
        scope: 'copies',
        trained: 1,
        others: { untrained: 0 },
      }),
    ).toMatchObject({
      title: 'For copies, too few queries to say whether training helped',
      detail: 'mAP on 1 query: trained 1.000, untrained 0.000. With so few, scores differ by chance.',
      advice: 'Measure on 20 queries or more.',
    });
  });
});

describe('scores with intervals of the gain', () => {
  const compared = (low: number, high: number, images = 40) =>
    examineScores({
      what: 'NMI',
      images,
      scale: 'unit',
      scope: 'clusters',
      trained: 0.5,
      others: { untrained: 0.4, 'raw pixels': 0.1 },
      gains: { untrained: { low, high }, 'raw pixels': { low: 0.2, high: 0.6 } },
    });

  it('are judged by these, in the units of the score', () => {
    expect(compared(0.01, 0.19)).toEqual({
      severity: 'ok',
      topic: 'scores of clusters',
      title: 'For clusters, training helped',
      detail: 'NMI on 40 images: trained 0.500, untrained 0.400, raw pixels 0.100.',
    });
    expect(compared(-0.02, 0.22)).toMatchObject({
      severity: 'info',
      title: 'For clusters, training may have helped: the gain over untrained is within chance',
      detail: expect.stringContaining(
        'interval of the gain goes down to 0 or below: -0.020 to 0.220 over untrained.',
      ),
    });
    expect(compared(0, 0.2)?.severity).toBe('info');
    expect(compared(Number.NaN, Number.NaN)).toMatchObject({
      severity: 'info',
      detail: expect.stringContaining('Too few were measured to know the interval of the gain.'),
    });
  });

  it('of fewer than 20 images are no verdict', () => {
    expect(compared(0.01, 0.19, 20)?.severity).toBe('ok');
    expect(compared(0.01, 0.19, 19)).toMatchObject({
      severity: 'info',
      title: 'For clusters, too few images to say whether training helped',
      advice: 'Measure on 20 images or more.',
    });
  });
});

describe('what stands of several findings', () => {
  it('is the latest on each topic, problems first, then warnings, and what is fine beside them', () => {
    const finding = (topic: string, severity: Finding['severity'], title = topic): Finding => ({
      topic,
      severity,
      title,
      detail: '',
    });
    const told = [
      finding('collapse', 'ok'),
      finding('features', 'info', 'alike'),
      finding('features', 'ok', 'differ'),
    ];
    expect(standing(told).map(({ title }) => title)).toEqual(['collapse', 'differ']);
    const worse = [...told, finding('scores', 'warning')];
    expect(standing(worse).map(({ title }) => title)).toEqual(['scores', 'collapse', 'differ']);
    const broken = [...worse, finding('failure', 'error')];
    expect(standing(broken).map(({ title }) => title)).toEqual(['failure', 'scores', 'collapse', 'differ']);
    expect(standing([...worse, finding('scores', 'ok')]).map(({ title }) => title)).toEqual([
      'collapse',
      'differ',
      'scores',
    ]);
  });
});
