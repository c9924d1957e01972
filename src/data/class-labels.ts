/** Classes of the images of a data set, as its folders, or numbers and names beside the images, tell them. */

export interface ClassLabels {
  /** Names in the order that numbers them; empty when there are none. */
  readonly classes: readonly string[];
  /** The class of each image, -1 where it has none; empty when there are no classes. */
  readonly labels: Int32Array;
  /** What is to be said of it: folders that are no classes, images without one. */
  readonly note?: string;
}

export const noLabels: ClassLabels = { classes: [], labels: new Int32Array() };

/** What becomes of images that have no class, as the end of a sentence. */
export const UNLABELED = 'they count in no score';

/** The class of one image; undefined where it has none. */
export function labelIn(labels: Int32Array): (index: number) => number | undefined {
  return (index) => {
    const label = labels[index] ?? -1;
    return label < 0 ? undefined : label;
  };
}

/** What stands for an image's class; undefined where nothing does. */
export type ClassValue = string | number | bigint | null | undefined;

/**
 * Numbers are classes in their order, names by code unit. Nothing, an empty text and -1 (what test sets of Hugging Face have)
 * are no class.
 *
 * @param names what numbers are called, where the data set says it
 */
export function labelsOf(values: readonly ClassValue[], names?: readonly string[]): ClassLabels {
  const texts = values.map((value) => String(value ?? '').trim()).map((text) => (text === '-1' ? '' : text));
  const known = texts.filter((text) => text !== '');
  if (known.length === 0) return noLabels;
  const distinct = [...new Set(known)];
  const areNumbers = distinct.every((text) => /^\d{1,15}$/.test(text));
  const missing = texts.length - known.length;
  const note =
    missing === 0
      ? {}
      : {
          note: `${missing} of ${texts.length} images ${missing === 1 ? 'has' : 'have'} no class: ${UNLABELED}`,
        };
  const labeled = (classes: readonly string[], number: (text: string) => number): ClassLabels => ({
    classes,
    labels: Int32Array.from(texts, (text) => (text === '' ? -1 : number(text))),
    ...note,
  });
  if (names !== undefined && areNumbers && distinct.every((text) => Number(text) < names.length))
    return labeled(names, Number);
  const classes = distinct.sort(areNumbers ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : 1));
  const numbers = new Map(classes.map((name, index) => [name, index]));
  return labeled(classes, (text) => numbers.get(text)!);
}
