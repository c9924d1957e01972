/** Classes from what a data set says of each image: a number or a name. */

export interface ClassLabels {
  /** Names in the order that numbers them; empty when there are none. */
  readonly classes: readonly string[];
  /** The class of each image, empty when there are none. */
  readonly labels: Uint32Array;
}

export const noLabels: ClassLabels = { classes: [], labels: new Uint32Array() };

/** What stands for an image's class; undefined where nothing does. */
export type ClassValue = string | number | bigint | null | undefined;

/**
 * Numbers are classes in their order, names by code unit. A set in which some image has no class has none.
 *
 * @param names what numbers are called, where the data set says it
 */
export function labelsOf(values: readonly ClassValue[], names?: readonly string[]): ClassLabels {
  const texts = values.map((value) => (value === null || value === undefined ? '' : String(value).trim()));
  if (texts.length === 0 || texts.includes('')) return noLabels;
  const distinct = [...new Set(texts)];
  const areNumbers = distinct.every((text) => /^\d{1,15}$/.test(text));
  if (names !== undefined && areNumbers && distinct.every((text) => Number(text) < names.length)) {
    return { classes: names, labels: Uint32Array.from(texts, Number) };
  }
  const classes = distinct.sort(areNumbers ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : 1));
  const numbers = new Map(classes.map((name, index) => [name, index]));
  return { classes, labels: Uint32Array.from(texts, (text) => numbers.get(text)!) };
}
