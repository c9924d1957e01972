/** Where rules write their ONNX nodes, and how a rule belongs to an op. */
import type { Attributes, Node, Op, Shape, Tensor } from '../../tensor.ts';
import type { OnnxAttribute } from './onnx-file.ts';

export interface Lowering {
  /** ONNX name of a tensor that has been lowered already. */
  name(tensor: Tensor): string;
  /** True when some node of the program reads this tensor, or it is a result. */
  used(tensor: Tensor): boolean;
  /** Adds a node with one output. @returns the output's name */
  emit(opType: string, inputs: readonly string[], options?: EmitOptions): string;
  /** Adds a node with several outputs; those that are not wanted get no name. */
  emitMany(
    opType: string,
    inputs: readonly string[],
    outputs: readonly boolean[],
    options?: EmitOptions,
  ): string[];
  /** Name of a constant. */
  floats(values: ArrayLike<number>, shape: Shape): string;
  ints(values: readonly number[]): string;
}

export interface EmitOptions {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Operator domain; '' is the standard one. */
  readonly domain?: '' | 'com.microsoft';
}

/** How an op is written: returns the ONNX names of its outputs, in order; an unused one may be ''. */
export interface Rule<A extends Attributes = Attributes> {
  readonly op: Op<A>;
  lower(node: Node<A>, to: Lowering): readonly string[];
}

/** A rule whose attributes are those of its op. */
export function rule<A extends Attributes>(
  op: Op<A>,
  lower: (node: Node<A>, to: Lowering) => readonly string[],
): Rule {
  const made: Rule<A> = { op, lower };
  return made;
}

/** The rule of an op that is one ONNX node with the same inputs. */
export function oneNode<A extends Attributes>(
  op: Op<A>,
  opType: string,
  attributes: (node: Node<A>) => EmitOptions['attributes'] = () => ({}),
): Rule {
  return rule(op, (node, to) => [
    to.emit(
      opType,
      node.inputs.map((x) => to.name(x)),
      { attributes: attributes(node) ?? {} },
    ),
  ]);
}
