/**
 * One program for images of any size, made of the programs for a few sizes. They have to be the same but for numbers in shapes and
 * bounds, and those numbers have to be formulas of the batch and of the grids that convolutions leave of the pixels.
 */
import { GraphError } from '../../errors.ts';
import type { Shape } from '../../tensor.ts';
import type { OnnxConstant, OnnxNode } from '../onnx/onnx-file.ts';
import { type LoweredNode, OnnxConstants } from '../onnx/onnx-lowering.ts';
import { along, convolved, formulaOf, type Grid, PIXELS, TRACED } from './size-formula.ts';
import { type Size, SizeNodes } from './size-nodes.ts';

/** A program for one size. */
export interface SizedProgram {
  readonly nodes: readonly LoweredNode[];
  readonly constants: readonly OnnxConstant[];
  /** Shapes of values that are known, by name. */
  readonly shapes: ReadonlyMap<string, Shape>;
}

/** A program for any size: nodes without an `op` compute sizes. */
export interface OpenProgram {
  readonly nodes: readonly LoweredNode[];
  readonly constants: readonly OnnxConstant[];
  /** The shape of a value for any size. */
  shapeOf(value: string): readonly Size[];
}

/** What one thing is in each of the programs. */
type Each<T> = readonly T[];

/**
 * @param programs for images of the sizes `TRACED`
 * @param images name of the input with the images
 * @throws GraphError when they are not one program
 */
export function openSizes(programs: Each<SizedProgram>, images: string): OpenProgram {
  return new Opening(programs, images).open();
}

class Opening {
  readonly #programs: Each<SizedProgram>;
  readonly #constants = new OnnxConstants();
  readonly #sizes: SizeNodes;
  readonly #numbers: Each<ReadonlyMap<string, OnnxConstant>>;
  readonly #grids: readonly Grid[];
  readonly #formulas = new Map<string, Size>();

  constructor(programs: Each<SizedProgram>, images: string) {
    this.#programs = programs;
    this.#sizes = new SizeNodes(images, this.#constants);
    this.#numbers = programs.map(({ constants }) => new Map(constants.map((each) => [each.name, each])));
    this.#grids = this.#gridsFrom(images);
  }

  open(): OpenProgram {
    const [first] = this.#programs;
    if (first === undefined || this.#programs.some(({ nodes }) => nodes.length !== first.nodes.length))
      throw new GraphError('the program has other nodes for images of another size');
    const nodes = first.nodes.map((node, i): LoweredNode => {
      this.#requireSame(node, i);
      return { ...node, inputs: node.inputs.map((_, j) => this.#operand(node, j)) };
    });
    return {
      nodes: [...this.#sizes.nodes.map((node) => ({ ...node, op: undefined })), ...nodes],
      constants: this.#constants.all,
      shapeOf: (value) => this.#sizesOf(this.#shapes(value) ?? [], value),
    };
  }

  /** The grid of the pixels, and that behind each convolution or pooling. */
  #gridsFrom(images: string): readonly Grid[] {
    const grids = [PIXELS];
    const isOn = (grid: Grid, value: string): boolean =>
      this.#shapes(value)?.every(
        ([, , rows, columns], i) =>
          rows === along(TRACED[i]?.height ?? 0, grid) && columns === along(TRACED[i]?.width ?? 0, grid),
      ) ?? false;
    for (const { opType, inputs, attributes } of this.#programs[0]?.nodes ?? []) {
      if (opType !== 'Conv' && opType !== 'MaxPool') continue;
      const before = grids.find((grid) => isOn(grid, inputs[0] ?? ''));
      if (before === undefined)
        throw new GraphError(`"${opType}" reads a map of another grid than those of "${images}"`);
      const [kernel, stride, padding] = ['kernel_shape', 'strides', 'pads'].map((name) => {
        const value = attributes[name];
        return value !== undefined && 'ints' in value ? (value.ints[0] ?? 0) : 0;
      });
      const after = convolved(before, { kernel: kernel ?? 1, stride: stride ?? 1, padding: padding ?? 0 });
      if (!grids.some(({ add, divide }) => add === after.add && divide === after.divide)) grids.push(after);
    }
    return grids;
  }

  #requireSame(node: OnnxNode, i: number): void {
    const text = (each: OnnxNode | undefined): string =>
      JSON.stringify([each?.opType, each?.domain, each?.inputs, each?.outputs, each?.attributes]);
    const wanted = text(node);
    if (this.#programs.some(({ nodes }) => text(nodes[i]) !== wanted))
      throw new GraphError(`"${node.opType}" is another for images of another size`);
  }

  /** What a node reads: a value, a constant, or sizes that are computed. */
  #operand(node: OnnxNode, j: number): string {
    const name = node.inputs[j] ?? '';
    const constants = this.#numbers.flatMap((constants) => constants.get(name) ?? []);
    const [first] = constants;
    if (first === undefined) return name;
    const numbers = constants.map(({ values }) => Array.from(values, Number));
    const isWhole = first.values instanceof BigInt64Array;
    if (numbers.every((each) => sameNumbers(each, numbers[0] ?? [])))
      return isWhole
        ? this.#constants.ints(numbers[0] ?? [])
        : this.#constants.floats(numbers[0] ?? [], first.shape);
    if (!isWhole) throw new GraphError(`"${node.opType}" reads other numbers for images of another size`);
    if (node.opType !== 'Reshape') return this.#sizes.row(this.#sizesOf(numbers, node.opType));
    return this.#sizes.row(this.#reshaped(numbers, this.#shapes(node.inputs[0] ?? '')));
  }

  /** A shape to reshape to: 0 keeps a size, -1 is what is left; where more than one is open the sizes are computed. */
  #reshaped(shapes: Each<Shape>, before: Each<Shape> | undefined): readonly Size[] {
    const short = Array.from(shapes[0] ?? [], (size, axis) => {
      if (shapes.every((shape) => shape[axis] === size)) return size;
      return before?.every((shape, i) => shape[axis] === shapes[i]?.[axis]) ? 0 : -1;
    });
    return short.filter((size) => size === -1).length > 1 ? this.#sizesOf(shapes, 'Reshape') : short;
  }

  /** @param rows the same row of numbers in every program */
  #sizesOf(rows: Each<readonly number[]>, what: string): readonly Size[] {
    return Array.from(rows[0] ?? [], (_, at) => {
      const values = rows.map((row) => row[at] ?? Number.NaN);
      const key = values.join();
      const size = this.#formulas.get(key) ?? this.#size(values);
      if (size === undefined)
        throw new GraphError(
          `a number of "${what}" is no formula of the size of the images: ${values.join(', ')} for ${TRACED.map(({ batch, height, width }) => `${batch} of ${height} x ${width}`).join(', ')}`,
        );
      this.#formulas.set(key, size);
      return size;
    });
  }

  #size(values: Each<number>): Size | undefined {
    const [first] = values;
    return values.every((value) => value === first) ? first : formulaOf(values, this.#grids);
  }

  #shapes(value: string): Each<Shape> | undefined {
    const shapes = this.#programs.flatMap(({ shapes }) => {
      const shape = shapes.get(value);
      return shape === undefined ? [] : [shape];
    });
    return shapes.length === this.#programs.length ? shapes : undefined;
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
