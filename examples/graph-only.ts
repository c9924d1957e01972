/**
 * The graph compiler alone: a small network learns to tell the three arms of a spiral apart. Forward pass, gradients and
 * update are one program. Run it with `npx tsx examples/graph-only.ts`.
 */
import { evaluate, Random } from 'dino-ts';
import {
  add,
  crossEntropy,
  gradients,
  input,
  linear,
  ParameterSet,
  type Scope,
  scale,
  sub,
  type Tensor,
  tanh,
  uniform,
  zero,
} from 'dino-ts/graph';
import { ortNode } from 'dino-ts/node';

const [count, arms, steps] = [300, 3, 1000];
const random = new Random(0, 'spiral');
const points = new Float32Array(count * 2);
const labels = new Float32Array(count * arms);
for (let i = 0; i < count; i++) {
  const [arm, radius] = [i % arms, i / count];
  const angle = (arm * 2 * Math.PI) / arms + 4 * radius + 0.1 * random.normal();
  points.set([radius * Math.cos(angle), radius * Math.sin(angle)], i * 2);
  labels[i * arms + arm] = 1;
}

const dense = (at: Scope, x: Tensor, width: number): Tensor =>
  add(linear(x, at.param('weight', [width, x.dim(-1)], uniform(1))), at.param('bias', [width], zero));

const network = new ParameterSet();
const hidden = tanh(dense(network.scope.at('hidden'), input('points', [count, 2]), 64));
const logits = scale(dense(network.scope.at('out'), hidden, arms), 1 / 8);
const loss = scale(crossEntropy(logits, input('labels', [count, arms])), 1 / count);

const parameters = [...network.parameters.values()];
const tensors = parameters.map(({ name }) => network.tensor(name));
const results: Record<string, Tensor> = { loss, logits };
const values: Record<string, Float32Array> = { points, labels };
gradients(loss, tensors).forEach((gradient, i) => {
  const { name, shape, init } = parameters[i]!;
  const velocity = add(scale(input(`velocity of ${name}`, shape), 0.9), gradient);
  results[`velocity of ${name}`] = velocity;
  results[name] = sub(tensors[i]!, velocity); // learning rate 1
  values[`velocity of ${name}`] = new Float32Array(gradient.size);
  values[name] = init(new Random(0, name), shape);
});

const program = await ortNode.load(results, { threads: 1 });
for (let step = 0; step <= steps; step++) {
  const after = await evaluate(program, values);
  for (const name of Object.keys(values)) values[name] = after[name] ?? values[name]!;
  if (step % 100 !== 0) continue;
  const right = Array.from({ length: count }, (_, i) => {
    const row = after.logits!.subarray(i * arms, (i + 1) * arms);
    return row.indexOf(Math.max(...row)) === i % arms ? 1 : 0;
  });
  const accuracy = (100 * right.reduce<number>((a, b) => a + b, 0)) / count;
  console.log(`step ${step}  loss ${after.loss![0]!.toFixed(4)}  accuracy ${accuracy.toFixed(1)} %`);
}
await program.dispose();
