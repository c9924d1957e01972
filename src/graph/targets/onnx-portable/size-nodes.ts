/** ONNX nodes that compute sizes when the model runs, from the shape of the images. */
import type { OnnxNode } from '../onnx/onnx-file.ts';
import type { OnnxConstants } from '../onnx/onnx-lowering.ts';
import { BATCH, COLUMNS, type Formula, type Grid, ROWS } from './size-formula.ts';

/** A size: a number, or a formula. */
export type Size = number | Formula;

/** Each size is computed once. */
export class SizeNodes {
  readonly nodes: OnnxNode[] = [];
  readonly #images: string;
  readonly #constants: OnnxConstants;
  readonly #known = new Map<string, string>();

  /** @param images name of the input, [batch, channels, height, width] */
  constructor(images: string, constants: OnnxConstants) {
    this.#images = images;
    this.#constants = constants;
  }

  /** A row of sizes. @returns its name */
  row(sizes: readonly Size[]): string {
    const parts: string[] = [];
    let numbers: number[] = [];
    const flush = (): void => {
      if (numbers.length > 0) parts.push(this.#constants.ints(numbers));
      numbers = [];
    };
    for (const size of sizes) {
      if (typeof size === 'number') numbers.push(size);
      else {
        flush();
        parts.push(this.#formula(size));
      }
    }
    flush();
    return parts.length === 1 ? (parts[0] ?? '') : this.#node('Concat', parts, { axis: { int: 0 } });
  }

  #formula({ grid, coefficients }: Formula): string {
    const terms = coefficients.flatMap((coefficient, product) =>
      coefficient === 0 ? [] : [this.#term(coefficient, product, grid)],
    );
    return this.#joined('Add', terms);
  }

  #term(coefficient: number, product: number, grid: Grid): string {
    const factors = [
      ...(product & BATCH ? [this.#axis(0)] : []),
      ...(product & ROWS ? [this.#cells(2, grid)] : []),
      ...(product & COLUMNS ? [this.#cells(3, grid)] : []),
    ];
    if (coefficient !== 1 || factors.length === 0) factors.push(this.#constants.ints([coefficient]));
    return this.#joined('Mul', factors);
  }

  /** Rows or columns of a grid. */
  #cells(axis: number, { add, divide }: Grid): string {
    const pixels = this.#axis(axis);
    const more = add === 0 ? pixels : this.#node('Add', [pixels, this.#constants.ints([add])]);
    return divide === 1 ? more : this.#node('Div', [more, this.#constants.ints([divide])]);
  }

  /** One of the images' own sizes. */
  #axis(axis: number): string {
    const shape = this.#node('Shape', [this.#images]);
    return this.#node('Gather', [shape, this.#constants.ints([axis])], { axis: { int: 0 } });
  }

  #joined(opType: 'Add' | 'Mul', parts: readonly string[]): string {
    return parts.reduce((joined, part) => this.#node(opType, [joined, part]));
  }

  #node(opType: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}): string {
    const key = `${opType}(${inputs.join()})`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = `size_${this.#known.size}`;
    this.nodes.push({ opType, domain: '', inputs, outputs: [name], attributes });
    this.#known.set(key, name);
    return name;
  }
}
