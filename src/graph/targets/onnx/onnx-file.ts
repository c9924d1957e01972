/**
 * The ONNX file format, as far as programs need it: a writer of ModelProto in protobuf's wire format.
 * Field numbers from onnx/onnx.proto.
 */
import type { DType, Shape } from '../../tensor.ts';

/** ONNX attribute values, tagged by their ONNX type (numbers alone would not tell ints from floats). */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string };

/** Of the file format: the one that came with opset 23, and the one of the opsets before 19. */
const [IR_VERSION, OLDER_IR_VERSION] = [10, 8];
/** Of compiled programs: opset 23 brought `Attention`. */
const OPSET = 23;

export const ELEMENT_TYPE: Readonly<Record<DType, number>> = { f32: 1, u8: 2, i64: 7, bool: 9, f16: 10 };

export interface OnnxNode {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value with sizes that are known only when the model runs: those are names. */
export interface OnnxOpenValue extends Omit<OnnxValue, 'shape'> {
  readonly shape: readonly (number | string)[];
}

export interface OnnxConstant {
  readonly name: string;
  readonly shape: Shape;
  /** Uint16Array: the bits of float16 numbers; Uint8Array: bytes. */
  readonly values: Float32Array | BigInt64Array | Uint16Array | Uint8Array;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly inputs: readonly OnnxOpenValue[];
  readonly outputs: readonly OnnxOpenValue[];
  /** Version of the operators; the one programs are written in unless given. */
  readonly opset?: number;
}

/** Grows as it is written to; nested messages are written into writers of their own, as their length comes first. */
class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;
  static readonly #encoder = new TextEncoder();

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  #varint(value: number | bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  int(field: number, value: number): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    this.#varint(field * 8 + 5);
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  bytes(field: number, value: Uint8Array): void {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  text(field: number, value: string): void {
    this.bytes(field, Writer.#encoder.encode(value));
  }

  message(field: number, write: (inner: Writer) => void): void {
    const inner = new Writer();
    write(inner);
    this.bytes(field, inner.finish());
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

function writeAttribute(to: Writer, name: string, value: OnnxAttribute): void {
  to.text(1, name);
  if ('int' in value) {
    to.int(3, value.int);
    to.int(20, 2);
  } else if ('float' in value) {
    to.float(2, value.float);
    to.int(20, 1);
  } else if ('ints' in value) {
    for (const n of value.ints) to.int(8, n);
    to.int(20, 7);
  } else {
    to.text(4, value.text);
    to.int(20, 3);
  }
}

function writeNode(to: Writer, node: OnnxNode): void {
  for (const name of node.inputs) to.text(1, name);
  for (const name of node.outputs) to.text(2, name);
  to.text(3, node.outputs.find((name) => name !== '') ?? '');
  to.text(4, node.opType);
  for (const [name, value] of Object.entries(node.attributes))
    to.message(5, (inner) => writeAttribute(inner, name, value));
  if (node.domain !== '') to.text(7, node.domain);
}

function elementType(values: OnnxConstant['values']): number {
  if (values instanceof Float32Array) return ELEMENT_TYPE.f32;
  if (values instanceof Uint16Array) return ELEMENT_TYPE.f16;
  return values instanceof Uint8Array ? ELEMENT_TYPE.u8 : ELEMENT_TYPE.i64;
}

function writeConstant(to: Writer, { name, shape, values }: OnnxConstant): void {
  for (const n of shape) to.int(1, n);
  to.int(2, elementType(values));
  to.text(8, name);
  to.bytes(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

function writeValue(to: Writer, { name, dtype, shape }: OnnxOpenValue): void {
  to.text(1, name);
  to.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, ELEMENT_TYPE[dtype]);
      tensor.message(2, (dims) => {
        for (const size of shape)
          dims.message(1, (dim) => (typeof size === 'number' ? dim.int(1, size) : dim.text(2, size)));
      });
    }),
  );
}

/** The bytes of a model file. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const { opset = OPSET } = graph;
  const model = new Writer();
  model.int(1, opset < 19 ? OLDER_IR_VERSION : IR_VERSION);
  model.text(2, 'dino-ts');
  model.message(7, (to) => {
    for (const node of graph.nodes) to.message(1, (inner) => writeNode(inner, node));
    to.text(2, 'program');
    for (const constant of graph.constants) to.message(5, (inner) => writeConstant(inner, constant));
    for (const value of graph.inputs) to.message(11, (inner) => writeValue(inner, value));
    for (const value of graph.outputs) to.message(12, (inner) => writeValue(inner, value));
  });
  const domains: readonly (readonly [string, number])[] = graph.nodes.some((node) => node.domain !== '')
    ? [
        ['', opset],
        ['com.microsoft', 1],
      ]
    : [['', opset]];
  for (const [domain, version] of domains) {
    model.message(8, (to) => {
      to.text(1, domain);
      to.int(2, version);
    });
  }
  return model.finish();
}
