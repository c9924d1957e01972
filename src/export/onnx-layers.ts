/** Layers of exported models, on batches first: [B, N, D] tokens or [B, C, H, W] maps. */
import type { Weights } from '../features/network-weights.ts';
import type { OnnxWriter } from './onnx-writer.ts';

/** Where layers take their weights from: our names, which are the official ones. */
export class OnnxLayers {
  readonly to: OnnxWriter;
  readonly #weights: Weights;

  constructor(to: OnnxWriter, weights: Weights) {
    this.to = to;
    this.#weights = weights;
  }

  values(name: string): Float32Array {
    const values = this.#weights.get(name);
    if (values === undefined) throw new Error(`The weights lack ${name}: they are of another network.`);
    return values;
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  weight(name: string, shape: readonly number[]): string {
    return this.to.weight(name, shape, this.values(name));
  }

  /** x W' + b over the last axis; the weight is stored [in, out], as ONNX multiplies. */
  linear(x: string, name: string, inputs: number, outputs: number): string {
    const values = this.values(`${name}.weight`);
    const turned = new Float32Array(values.length);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) turned[i * outputs + o] = values[o * inputs + i]!;
    const product = this.to.op('MatMul', [x, this.to.weight(`${name}.weight`, [inputs, outputs], turned)]);
    return this.to.op('Add', [product, this.weight(`${name}.bias`, [outputs])]);
  }

  layerNorm(x: string, name: string, dim: number, eps: number): string {
    return this.to.op(
      'LayerNormalization',
      [x, this.weight(`${name}.weight`, [dim]), this.weight(`${name}.bias`, [dim])],
      { axis: { int: -1 }, epsilon: { float: eps } },
    );
  }

  /** x / 2 (1 + erf(x / sqrt 2)) */
  gelu(x: string): string {
    const { to } = this;
    const gate = to.op('Add', [to.op('Erf', [to.op('Div', [x, to.floats(Math.SQRT2)])]), to.floats(1)]);
    return to.op('Mul', [to.op('Mul', [x, gate]), to.floats(0.5)]);
  }

  transpose(x: string, order: readonly number[]): string {
    return this.to.op('Transpose', [x], { perm: { ints: [...order] } });
  }

  /** 0 keeps a size, -1 is what is left. */
  reshape(x: string, shape: readonly number[]): string {
    return this.to.op('Reshape', [x, this.to.ints(shape)]);
  }

  /** [B, C, H, W] -> [B, out, H', W'] */
  conv(
    x: string,
    weight: string,
    bias: string | undefined,
    {
      kernel,
      stride,
      padding,
    }: { readonly kernel: number; readonly stride: number; readonly padding: number },
  ): string {
    return this.to.op('Conv', bias === undefined ? [x, weight] : [x, weight, bias], {
      kernel_shape: { ints: [kernel, kernel] },
      strides: { ints: [stride, stride] },
      pads: { ints: [padding, padding, padding, padding] },
    });
  }
}
