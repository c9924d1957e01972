/** Leaves of a graph: values that come from outside when a program runs (inputs, parameters) and constants. */
import { GraphError } from '../errors.ts';
import { apply, type DType, madeBy, type Op, type Shape, sizeOf, type Tensor } from '../tensor.ts';

type InputAttributes = { name: string; dtype: DType; shape: readonly number[] };

export const inputOp: Op<InputAttributes> = {
  name: 'input',
  infer: (_, { dtype, shape }) => {
    if (shape.some((n) => !Number.isInteger(n) || n < 0)) {
      throw new GraphError(`[${shape.join(', ')}] is not a shape of whole sizes`);
    }
    return [{ dtype, shape }];
  },
};

/**
 * A value given at run time under a name. Two inputs of one name in one program must have one shape and are the same value.
 */
export function input(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
  return apply(inputOp, [], { name, dtype, shape });
}

/** The name of an input, or undefined for any other tensor. */
export function inputName(tensor: Tensor): string | undefined {
  return madeBy(tensor, inputOp)?.attributes.name;
}

type ConstantAttributes = { values: Float32Array | BigInt64Array; shape: readonly number[] };

export const constantOp: Op<ConstantAttributes> = {
  name: 'constant',
  infer: (_, { values, shape }) => {
    if (values.length !== sizeOf(shape)) {
      throw new GraphError(`${values.length} values do not fill the shape [${shape.join(', ')}]`);
    }
    return [{ dtype: values instanceof Float32Array ? 'f32' : 'i64', shape }];
  },
};

/** A fixed float32 tensor, stored inside the program. */
export function constant(values: Float32Array | readonly number[], shape: Shape): Tensor {
  return apply(constantOp, [], { values: Float32Array.from(values), shape });
}

/** A fixed list of integers (for `gather`). */
export function indices(values: readonly number[]): Tensor {
  return apply(constantOp, [], { values: BigInt64Array.from(values, BigInt), shape: [values.length] });
}

export function scalar(value: number): Tensor {
  return constant([value], []);
}

/** The number when x is a constant scalar. */
export function scalarValue(x: Tensor): number | undefined {
  const values = madeBy(x, constantOp)?.attributes.values;
  return x.rank === 0 && values instanceof Float32Array ? values[0] : undefined;
}

export function zeros(shape: Shape): Tensor {
  return constant(new Float32Array(sizeOf(shape)), shape);
}
