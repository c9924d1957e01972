import { Matrix, solve } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { ridgeProbe } from '../../../src/eval/classify/ridge-probe.ts';
import { blobs } from '../blobs.ts';

describe('the ridge probe', () => {
  it('predicts what the normal equations of centered ridge regression predict', async () => {
    const { rows, labels } = blobs(80, 4, 3, 1.2);
    const [fit, asked] = [rows.values.subarray(0, 60 * 4), rows.values.subarray(60 * 4)];
    const predicted = await ridgeProbe(
      ortNode,
      { features: { values: fit, dim: 4 }, labels: labels.subarray(0, 60) },
      { values: asked, dim: 4 },
      { classes: 3, ridge: 0.1 },
    );
    const x = Matrix.from1DArray(60, 4, Array.from(fit));
    const mean = x.mean('column');
    x.subRowVector(mean);
    const gram = x.transpose().mmul(x);
    const strength = (0.1 * gram.trace()) / 4;
    for (let d = 0; d < 4; d++) gram.set(d, d, gram.get(d, d) + strength);
    const y = Matrix.zeros(60, 3);
    for (let i = 0; i < 60; i++) y.set(i, labels[i]!, 1);
    const means = y.mean('column');
    const weights = solve(gram, x.transpose().mmul(y.clone().subRowVector(means)));
    const scores = Matrix.from1DArray(20, 4, Array.from(asked))
      .subRowVector(mean)
      .mmul(weights)
      .addRowVector(means);
    const wanted = Array.from({ length: 20 }, (_, i) => scores.maxRowIndex(i)[1]);
    expect([...predicted]).toEqual(wanted);
    expect(new Set(wanted).size).toBe(3);
  });

  it('does with rows that are all alike, and says when a label is out of range', async () => {
    const features = { values: new Float32Array(12).fill(1), dim: 3 };
    const predicted = await ridgeProbe(ortNode, { features, labels: [1, 1, 0, 1] }, features, { classes: 2 });
    expect([...predicted]).toEqual([1, 1, 1, 1]);
    await expect(
      ridgeProbe(ortNode, { features, labels: [0, 1, 2, 0] }, features, { classes: 2 }),
    ).rejects.toThrow('Row 2 of the training set has the class 2');
  });
});
