/** StableHLO as text (openxla.org/stablehlo/spec): values under names, one operation a line. */
import { type DType, type Shape, sizeOf, type TensorType } from '../../tensor.ts';

/** A value of the text: `%12` and its type. */
export interface Value extends TensorType {
  readonly name: string;
}

const ELEMENT: Readonly<Record<DType, string>> = {
  f32: 'f32',
  f16: 'f16',
  i64: 'i64',
  bool: 'i1',
  u8: 'ui8',
};

/** `tensor<2x3xf32>` */
export function typeText({ dtype, shape }: TensorType, element = ELEMENT[dtype]): string {
  return `tensor<${[...shape, element].join('x')}>`;
}

/** `[0, 2]` */
export const listText = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;

/** Values of a constant: one number where all are equal, else their bytes. Floats go by their bits, so that none is rounded. */
export function denseText(values: Float32Array | BigInt64Array): string {
  const isSplat = values.length > 0 && values.every((value: number | bigint) => Object.is(value, values[0]));
  if (isSplat) return numberText(values);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return `"0x${hexText(bytes)}"`;
}

function numberText(values: Float32Array | BigInt64Array): string {
  if (values instanceof BigInt64Array) return String(values[0]);
  const [bits = 0] = new Uint32Array(values.slice(0, 1).buffer);
  return `0x${bits.toString(16).toUpperCase().padStart(8, '0')}`;
}

function hexText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).toUpperCase().padStart(2, '0');
  return text;
}

/** Writes operations down; each method gives the value it made. */
export class StableHloText {
  readonly #lines: string[] = [];
  readonly #constants = new Map<string, Value>();
  #count = 0;

  get body(): string {
    return this.#lines.join('\n');
  }

  get operations(): number {
    return this.#lines.length;
  }

  /** A name that no value has yet. */
  fresh(): string {
    return `%v${this.#count++}`;
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  /** One operation with one result. */
  make(text: string, { dtype, shape }: TensorType): Value {
    const name = this.fresh();
    this.line(`${name} = ${text}`);
    return { name, dtype, shape };
  }

  /** Equal small constants are one value. */
  constant(values: Float32Array | BigInt64Array, shape: Shape): Value {
    const dtype = values instanceof BigInt64Array ? 'i64' : 'f32';
    const text = `stablehlo.constant dense<${denseText(values)}> : ${typeText({ dtype, shape })}`;
    const known = this.#constants.get(text);
    if (known !== undefined) return known;
    const made = this.make(text, { dtype, shape });
    if (text.length < 200) this.#constants.set(text, made);
    return made;
  }

  /** A scalar of a type. */
  scalar(value: number, dtype: DType): Value {
    if (dtype === 'i64') return this.constant(BigInt64Array.of(BigInt(value)), []);
    return this.convert(this.constant(Float32Array.of(value), []), dtype);
  }

  zeros(type: TensorType): Value {
    if (type.dtype === 'i64') return this.constant(new BigInt64Array(sizeOf(type.shape)), type.shape);
    return this.convert(this.constant(new Float32Array(sizeOf(type.shape)), type.shape), type.dtype);
  }

  /** An operation whose result has its operands' type. */
  alike(operation: string, first: Value, ...others: readonly Value[]): Value {
    const operands = [first, ...others].map(({ name }) => name).join(', ');
    return this.make(`${operation} ${operands} : ${typeText(first)}`, first);
  }

  convert(x: Value, dtype: DType): Value {
    if (x.dtype === dtype) return x;
    const type = { dtype, shape: x.shape };
    return this.make(`stablehlo.convert ${x.name} : (${typeText(x)}) -> ${typeText(type)}`, type);
  }

  /** Stretches axes of size 1 and adds leading ones, as arithmetic does. */
  broadcast(x: Value, shape: Shape): Value {
    if (x.shape.length === shape.length && x.shape.every((size, axis) => size === shape[axis])) return x;
    const lead = shape.length - x.shape.length;
    const type = { dtype: x.dtype, shape };
    const axes = listText(x.shape.map((_, axis) => axis + lead));
    return this.make(
      `stablehlo.broadcast_in_dim ${x.name}, dims = ${axes} : (${typeText(x)}) -> ${typeText(type)}`,
      type,
    );
  }

  reshape(x: Value, shape: Shape): Value {
    const type = { dtype: x.dtype, shape };
    return this.make(`stablehlo.reshape ${x.name} : (${typeText(x)}) -> ${typeText(type)}`, type);
  }
}
