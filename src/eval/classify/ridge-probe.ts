/**
 * A linear classifier in closed form: ridge regression to the classes (Hoerl and Kennard 1970), in the space of the features'
 * covariance. One product in an engine and one small system; no step size, no epochs, so it can be asked often during a training.
 * It is not the official linear evaluation (`linear-evaluation.ts`) and a little below it.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { Engine } from '../../engine/engine.ts';
import type { FeatureRows } from '../../rows/feature-rows.ts';
import { checkLabeled, type LabeledFeatures } from '../../rows/labeled-features.ts';
import { columnMeans, secondMoment } from '../../rows/second-moment.ts';

/** Added to the covariance, as a share of its mean variance. */
const RIDGE = 0.01;

/**
 * Fits to labeled rows and predicts others.
 *
 * @returns class of every query; of equal scores the lower number
 * @throws RangeError when the set is empty, a label is out of range or a value is not finite
 */
export async function ridgeProbe(
  engine: Engine,
  train: LabeledFeatures,
  queries: FeatureRows,
  { classes, ridge = RIDGE }: { readonly classes: number; readonly ridge?: number },
): Promise<Int32Array> {
  checkLabeled('training', train, classes);
  const { features, labels } = train;
  const { values, dim } = features;
  const count = labels.length;
  const mean = columnMeans(features);
  const covariance = Matrix.from1DArray(dim, dim, Array.from(await secondMoment(engine, features, mean)));
  const strength = Math.max((ridge * covariance.trace()) / dim, 1e-12);
  for (let d = 0; d < dim; d++) covariance.set(d, d, covariance.get(d, d) + strength);
  const shares = new Float64Array(classes);
  const products = Matrix.zeros(dim, classes);
  for (let row = 0; row < count; row++) {
    const label = labels[row]!;
    shares[label]! += 1 / count;
    for (let d = 0; d < dim; d++)
      products.set(d, label, products.get(d, label) + (values[row * dim + d]! - mean[d]!) / count);
  }
  const solved = new CholeskyDecomposition(covariance).solve(products).transpose().to2DArray();
  const predicted = new Int32Array(queries.values.length / dim);
  for (let query = 0; query < predicted.length; query++) {
    let best = Number.NEGATIVE_INFINITY;
    for (const [label, weights] of solved.entries()) {
      let score = shares[label]!;
      for (let d = 0; d < dim; d++) score += weights[d]! * (queries.values[query * dim + d]! - mean[d]!);
      if (score > best) [best, predicted[query]] = [score, label];
    }
  }
  return predicted;
}
