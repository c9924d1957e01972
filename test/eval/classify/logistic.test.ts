import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { columnScales, LogisticRegression } from '../../../src/eval/classify/logistic.ts';
import { type Budget, budgetTitle, labeledRows } from '../../../src/eval/classify/low-shot.ts';
import { Random } from '../../../src/random/random.ts';
import { lbfgs } from '../../../src/rows/lbfgs.ts';
import { blobs } from '../blobs.ts';

describe('L-BFGS', () => {
  it('finds the bottom of the Rosenbrock valley', async () => {
    const rosenbrock = async (v: Float64Array) => {
      const [x, y] = [v[0]!, v[1]!];
      return {
        value: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
        gradient: Float64Array.of(-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)),
      };
    };
    const { x, converged, iterations } = await lbfgs(rosenbrock, Float64Array.of(-1.2, 1), {
      tolerance: 1e-8,
    });
    expect(converged).toBe(true);
    expect(iterations).toBeLessThan(100);
    expect(x[0]).toBeCloseTo(1, 7);
    expect(x[1]).toBeCloseTo(1, 7);
  });

  it('solves a badly scaled quadratic in about as many steps as it has directions', async () => {
    const scales = Float64Array.of(1, 10, 100, 1000, 1e4);
    const quadratic = async (v: Float64Array) => ({
      value: v.reduce((sum, x, i) => sum + (scales[i]! * (x - i) ** 2) / 2, 0),
      gradient: v.map((x, i) => scales[i]! * (x - i)),
    });
    const { x, iterations } = await lbfgs(quadratic, new Float64Array(5), { tolerance: 1e-9 });
    expect(iterations).toBeLessThan(60);
    for (const [i, value] of x.entries()) expect(value).toBeCloseTo(i, 8);
  });

  it('stays where the gradient is zero, stops when told to, and refuses to start from NaN', async () => {
    const flat = async (v: Float64Array) => ({ value: v[0]! ** 2, gradient: Float64Array.of(2 * v[0]!) });
    expect(await lbfgs(flat, Float64Array.of(0))).toMatchObject({ iterations: 0, converged: true });
    expect(await lbfgs(flat, Float64Array.of(9), { maxIterations: 0 })).toMatchObject({ converged: false });
    await expect(lbfgs(flat, Float64Array.of(Number.NaN))).rejects.toThrow('NaN where it starts');
  });
});

describe('logistic regression', () => {
  it('has the gradient of its value', async () => {
    const regression = new LogisticRegression(ortNode, { threads: 1 });
    const { rows, labels } = blobs(11, 4, 3, 0.5);
    const f = await regression.objective({ features: rows, labels }, { classes: 3, c: 0.3 });
    const random = new Random(3, 'test');
    const x = Float64Array.from({ length: 15 }, () => Math.fround(random.normal()));
    const { gradient } = await f(x);
    for (let i = 0; i < x.length; i++) {
      const at = async (shift: number) => (await f(x.map((v, j) => (j === i ? v + shift : v)))).value;
      const slope = ((await at(2 ** -6)) - (await at(-(2 ** -6)))) / 2 ** -5;
      expect(Math.abs(slope - gradient[i]!)).toBeLessThan(1e-3);
    }
    await regression.dispose();
  });

  it('is what the two-sample case gives by hand, for features of any offset and scale', async () => {
    // By symmetry the standardized weights are -a and a. scikit-learn's one row is then 2 a, and its objective with C = 1
    // log(1 + exp(-2 a)) + (2 a)^2 / (2 C samples) = log(1 + exp(-2 a)) + a^2.
    let [low, high] = [0, 2];
    for (let i = 0; i < 60; i++) {
      const a = (low + high) / 2;
      if (2 / (1 + Math.exp(2 * a)) > 2 * a) low = a;
      else high = a;
    }
    const regression = new LogisticRegression(ortNode, { threads: 1 });
    const features = { values: Float32Array.of(5, 9), dim: 1 }; // mean 7, deviation 2
    const fit = await regression.fit({ features, labels: [0, 1] }, { classes: 2, tolerance: 1e-6 });
    expect(fit.converged).toBe(true);
    expect(fit.weight[0]).toBeCloseTo(-low / 2, 5);
    expect(fit.weight[1]).toBeCloseTo(low / 2, 5);
    expect(fit.bias[1]).toBeCloseTo((-low / 2) * 7, 4);
    expect(fit.value).toBeCloseTo(Math.log1p(Math.exp(-2 * low)) + low ** 2, 6);
    await regression.dispose();
  });

  it('ends where the gradient is zero, over several blocks of rows as over one', async () => {
    const regression = new LogisticRegression(ortNode, { threads: 1 });
    const { rows, labels } = blobs(5000, 3, 4, 1.5);
    const data = { features: rows, labels };
    const options = { classes: 4, c: 10, tolerance: 1e-5 };
    const fit = await regression.fit(data, options);
    expect(fit.converged).toBe(true);
    // In float64, without a program: the gradient of the standardized weights.
    const { mean, deviation } = columnScales(rows.values, 3);
    const gradient = new Float64Array(4 * 4);
    for (let row = 0; row < 5000; row++) {
      const x = rows.values.subarray(row * 3, row * 3 + 3);
      const logits = Array.from(fit.bias, (b, k) =>
        x.reduce((sum, v, d) => sum + v * fit.weight[k * 3 + d]!, b),
      );
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      for (let k = 0; k < 4; k++) {
        const error = (Math.exp(logits[k]!) / total - (labels[row] === k ? 1 : 0)) / 5000;
        for (let d = 0; d < 3; d++) gradient[k * 4 + d]! += (error * (x[d]! - mean[d]!)) / deviation[d]!;
        gradient[k * 4 + 3]! += error;
      }
    }
    for (let k = 0; k < 4; k++)
      for (let d = 0; d < 3; d++)
        gradient[k * 4 + d]! += (fit.weight[k * 3 + d]! * deviation[d]!) / (10 * 5000);
    expect(Math.max(...gradient.map(Math.abs))).toBeLessThan(3e-5);
    await regression.dispose();
  });

  it('ignores a constant column, and refuses NaN, an unknown class and a C of 0', async () => {
    const regression = new LogisticRegression(ortNode, { threads: 1 });
    const features = { values: Float32Array.of(7, -1, 7, 1), dim: 2 };
    const fit = await regression.fit({ features, labels: [0, 1] }, { classes: 2 });
    expect(Math.abs(fit.weight[0]!)).toBeLessThan(1e-6);
    const broken = { values: Float32Array.of(1, Number.NaN), dim: 1 };
    await expect(regression.fit({ features: broken, labels: [0, 1] }, { classes: 2 })).rejects.toThrow(
      'Row 1 of the training features',
    );
    await expect(regression.fit({ features, labels: [0, 2] }, { classes: 2 })).rejects.toThrow('the class 2');
    await expect(regression.fit({ features, labels: [0, 1] }, { classes: 2, c: 0 })).rejects.toThrow(
      'C is 0',
    );
    await regression.dispose();
  });
});

describe('labeled rows', () => {
  const labels = [...new Array(20).fill(0), ...new Array(5).fill(1)];
  const names = ['cat', 'dog'];
  const rowsOf = (budget: Budget, draw = 0) =>
    Array.from(labeledRows(labels, { classes: names, budget, draw, seed: 0, source: 'pets' }));

  it('are so many of each class, other ones in each draw, and more of the same in larger budgets', () => {
    const five = rowsOf({ shots: 5 });
    expect(five.filter((row) => row < 20)).toHaveLength(5);
    expect(new Set(five).size).toBe(10);
    expect(rowsOf({ shots: 5 }, 1)).not.toEqual(five);
    for (const row of rowsOf({ shots: 2 })) expect(five).toContain(row);
  });

  it('are a share of each class, one at least', () => {
    expect(rowsOf({ share: 0.1 }).map((row) => labels[row])).toEqual([0, 0, 1]);
    expect(rowsOf({ share: 1 }).sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
    expect(budgetTitle({ share: 0.01 })).toBe('1 % of each class');
  });

  it('name the class that has too few', () => {
    expect(() => rowsOf({ shots: 6 })).toThrow('"dog" of pets has 5');
  });
});
