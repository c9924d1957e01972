/** Features with the class of each row: the sets that a classifier is trained and tested on, checked and divided. */
import { Random } from '../random/random.ts';
import { type FeatureRows, pickRows } from './feature-rows.ts';

export interface LabeledFeatures {
  readonly features: FeatureRows;
  /** 0 .. classes - 1, one for each row */
  readonly labels: ArrayLike<number>;
}

/**
 * @param set what the set is, for the error
 * @throws RangeError on an empty set, a row without a label, a label out of range, or a value that is not finite
 */
export function checkLabeled(
  set: string,
  { features: { values, dim }, labels }: LabeledFeatures,
  classes: number,
): void {
  if (labels.length === 0 || values.length !== labels.length * dim) {
    throw new RangeError(
      `The ${set} set has ${values.length / dim} rows of features and ${labels.length} labels: give one label for each row, and at least one.`,
    );
  }
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!;
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new RangeError(
        `Row ${row} of the ${set} set has the class ${label}, there are ${classes} classes: number them from 0.`,
      );
    }
  }
  let broken = -1;
  for (let i = 0; i < values.length && broken < 0; i++) if (!Number.isFinite(values[i])) broken = i;
  if (broken >= 0) {
    throw new RangeError(
      `Row ${Math.floor(broken / dim)} of the ${set} features has a value that is not a finite number: check the network's weights.`,
    );
  }
}

/** @throws RangeError as `checkLabeled` does, or when the sets differ in width */
export function checkSets(train: LabeledFeatures, test: LabeledFeatures, classes: number): void {
  if (train.features.dim !== test.features.dim) {
    throw new RangeError(
      `The training features have ${train.features.dim} numbers a row and the test features ${test.features.dim}: take both from the same network.`,
    );
  }
  checkLabeled('training', train, classes);
  checkLabeled('test', test, classes);
}

/** Rows to train on and rows held back. */
export interface Split {
  readonly fit: Uint32Array;
  readonly held: Uint32Array;
}

/**
 * Holds back a share of the rows of each class, at least one where there are two, none where there is one.
 *
 * @throws RangeError when no class has two rows
 */
export function splitByClass(labels: ArrayLike<number>, share: number, seed: number): Split {
  if (!(share > 0 && share < 1))
    throw new RangeError(`A validation share of ${share} leaves one side empty: give one between 0 and 1.`);
  const byClass = new Map<number, number[]>();
  for (const row of new Random(seed, 'validation split').permutation(labels.length)) {
    const rows = byClass.get(labels[row]!) ?? [];
    rows.push(row);
    byClass.set(labels[row]!, rows);
  }
  const fit: number[] = [];
  const held: number[] = [];
  for (const rows of byClass.values()) {
    const count = Math.min(rows.length - 1, Math.max(1, Math.round(share * rows.length)));
    for (const [i, row] of rows.entries()) (i < count ? held : fit).push(row);
  }
  if (held.length === 0) {
    throw new RangeError(
      `None of the ${labels.length} samples can be held back, as no class has two: give more samples of a class.`,
    );
  }
  return { fit: Uint32Array.from(fit), held: Uint32Array.from(held) };
}

/** Some rows of a set, in the order given. */
export function chosenRows({ features, labels }: LabeledFeatures, rows: ArrayLike<number>): LabeledFeatures {
  return { features: pickRows(features, rows), labels: Array.from(rows, (row) => labels[row]!) };
}
