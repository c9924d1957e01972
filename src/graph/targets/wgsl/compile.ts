/**
 * From symbolic tensors to WGSL, the language of WebGPU's kernels: compounds are taken apart, primitives go together into kernels
 * (`groups.ts`), and each kernel is written for its shapes. An input and a result of one name and type are one value that is updated in
 * place.
 */
import { GraphError } from '../../errors.ts';
import { reshapeOp } from '../../ops/layout.ts';
import { constantOp, inputName } from '../../ops/leaf.ts';
import { decompose } from '../../passes/decompose.ts';
import { shareSubexpressions } from '../../passes/share.ts';
import { apply, madeBy, type Tensor, type TensorType } from '../../tensor.ts';
import { topological } from '../../traverse.ts';
import type { Results, Target } from '../target.ts';
import { Emitter, type EmitterContext } from './emitter.ts';
import { Groups } from './groups.ts';
import { Inlining } from './inlining.ts';
import { scatterAddKernel, topKKernel } from './kernels/others.ts';
import { productKernel } from './kernels/product.ts';
import { rowsKernel } from './kernels/rows.ts';
import { kernelText, type Written } from './kernels/text.ts';
import { type Output, planOf, type Step, sameType } from './plan.ts';
import { leastLimits, type Place, type WgslKernel, type WgslLimits, type WgslProgram } from './program.ts';
import { splitLongSums } from './split.ts';
import { isIdentity } from './views.ts';

/** A target for WebGPU. */
export function wgsl(limits: WgslLimits = leastLimits): Target<WgslProgram> {
  return { name: 'wgsl', compile: (results) => compile(results, limits) };
}

function compile(results: Results, limits: WgslLimits): WgslProgram {
  const names = Object.keys(results);
  const wanted = Object.values(results);
  const simple = shareSubexpressions(decompose(wanted, () => false));
  const roots = shareSubexpressions(splitLongSums(simple)).map((root) =>
    madeBy(root, constantOp) === undefined ? root : apply(reshapeOp, [root], { shape: root.shape }),
  );
  const order = topological(roots);
  const inputs = inputsOf(order.flatMap(({ outputs }) => outputs));
  const inlining = new Inlining(order, roots);
  const groups = new Groups(order, inlining);
  const outputs = roots.map((root, i): Output => {
    const view = inlining.view(root);
    return { name: names[i] ?? '', source: isIdentity(root.shape, view) ? view.source : root };
  });
  const plan = planOf({ inputs, outputs, groups, limits });
  const { waves, before, after, inPlace, locate } = plan;
  const context: EmitterContext = {
    locate,
    view: (tensor) => inlining.view(tensor),
    isInline: (tensor) => inlining.has(tensor),
  };
  const kernels = waves.flatMap((steps) => kernelsOf(steps, context, limits));
  const places = plan.places.map(
    (place): Place =>
      place.kind === 'constants' ? { kind: 'constants', words: plan.constantWords() } : place,
  );
  return {
    inputs: typesOf(inputs),
    outputs: new Map(wanted.map(({ dtype, shape }, i) => [names[i] ?? '', { dtype, shape }])),
    ...{ places, before, kernels, after, inPlace },
    primitives: order.length,
  };
}

/** Steps of one kernel: more would make it slow to compile. */
const TOGETHER = 8;

/** The kernels of a wave: steps with as many threads go together, as far as the limits allow. */
function kernelsOf(steps: readonly Step[], context: EmitterContext, limits: WgslLimits): WgslKernel[] {
  const kernels: WgslKernel[] = [];
  const alone = steps.map((step) => {
    const to = new Emitter(context, step.group.nodes);
    const { threads, workgroups } = written(step, to);
    return { step, threads, workgroups, places: to.bindings.map(({ place }) => place) };
  });
  let together: typeof alone = [];
  const end = (): void => {
    if (together.length > 0)
      kernels.push(
        kernelOf(
          together.map(({ step }) => step),
          context,
        ),
      );
    together = [];
  };
  for (const next of alone.toSorted((a, b) => a.threads - b.threads)) {
    const places = new Set([...together, next].flatMap((each) => each.places));
    const fits =
      together.length < TOGETHER &&
      places.size <= limits.storageBuffers &&
      (together[0]?.threads ?? next.threads) === next.threads;
    if (!fits) end();
    together.push(next);
  }
  end();
  return kernels;
}

function kernelOf(steps: readonly Step[], context: EmitterContext): WgslKernel {
  const whole = new Emitter(context, []);
  const parts = steps.map((step) => {
    const to = whole.part(step.group.nodes);
    return { to, written: written(step, to) };
  });
  return {
    title: steps.map(({ group }) => group.nodes.map(({ op }) => op.name).join(', ')).join(' | '),
    code: kernelText(whole, parts),
    bindings: whole.bindings,
    words: Uint32Array.from(whole.words),
    workgroups: parts.reduce((sum, { written: { workgroups } }) => sum + workgroups, 0),
  };
}

function written({ group, stored, replacing }: Step, to: Emitter): Written {
  const [first] = group.nodes;
  if (first === undefined) throw new GraphError('compile: a kernel computes nothing');
  switch (group.kind) {
    case 'rows':
      return rowsKernel(group, to, { stored, replacing });
    case 'product':
      return productKernel(group, to, stored);
    case 'scatterAdd':
      return scatterAddKernel(first, to);
    case 'topK':
      return topKKernel(first, to, stored);
  }
}

/** @throws GraphError when two inputs of one name differ, and for types that no kernel knows */
function inputsOf(tensors: readonly Tensor[]): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>();
  for (const tensor of tensors) {
    if (tensor.dtype === 'f16') throw new GraphError('compile: there are no kernels for float16 yet');
    const name = inputName(tensor);
    if (name === undefined) continue;
    const known = inputs.get(name);
    if (known !== undefined && !sameType(known, tensor))
      throw new GraphError(
        `compile: input "${name}" is used with shapes [${known.shape.join(', ')}] and [${tensor.shape.join(', ')}]`,
      );
    inputs.set(name, known ?? tensor);
  }
  return inputs;
}

function typesOf(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, TensorType> {
  return new Map([...tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
}
