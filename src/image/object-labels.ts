/**
 * The objects that a mask of labels holds. Data sets number them differently: 0 and 255 for the one object of a 1-bit or gray
 * mask; 1, 2, 3 for several (DAVIS, PASCAL VOC), where 255 marks the border that is nobody's (VOC's "void").
 */
import { checkMask, type Mask } from './mask.ts';

const VOID = 255;

export interface LabeledObjects {
  /** Labels of the objects, ascending. */
  readonly labels: readonly number[];
  /** Label of pixels that belong to nobody; undefined where there is no such label. */
  readonly voidLabel: number | undefined;
}

/** Every label but 0 is an object; 255 only where there is no other. */
export function objectsOf(mask: Mask): LabeledObjects {
  checkMask(mask);
  const found = [...new Set(mask.data)].filter((label) => label !== 0).sort((a, b) => a - b);
  const hasVoid = found.length > 1 && found.includes(VOID);
  return {
    labels: hasVoid ? found.filter((label) => label !== VOID) : found,
    voidLabel: hasVoid ? VOID : undefined,
  };
}

/** One label alone: 1 where the mask has it. */
export function onlyLabel({ height, width, data }: Mask, label: number): Mask {
  return { height, width, data: data.map((value) => (value === label ? 1 : 0)) };
}

/** Labels as 1, 2, 3 in the order of `labels`; all others become background. */
export function renumbered({ height, width, data }: Mask, labels: readonly number[]): Mask {
  const numbers = new Uint8Array(256);
  for (const [i, label] of labels.entries()) numbers[label] = i + 1;
  return { height, width, data: data.map((value) => numbers[value]!) };
}

/** The inverse of `renumbered`. */
export function withLabels({ height, width, data }: Mask, labels: readonly number[]): Mask {
  return { height, width, data: data.map((value) => (value === 0 ? 0 : (labels[value - 1] ?? 0))) };
}
