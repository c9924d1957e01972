/** Positions as waves that fit images of any size, as ONNX: computed when the model runs. */
import { type Rule, rule } from '../graph/targets/onnx/lowering.ts';
import { COUNT_EPS, fourierOp, WAVES, waveFactors } from '../model/fourier-positions.ts';

/** Sines of all waves: a cosine is the sine a quarter later. */
export const fourierRule: Rule = rule(fourierOp, (node, to) => {
  const { rows, columns } = node.attributes;
  const quarters = waveFactors.map((_, i) => (i % 2 === 0 ? 0 : Math.PI / 2));
  /** The waves of an axis of `count` places, spread over the other: [rows, columns, WAVES] */
  const waves = (count: number, shape: readonly number[]): string => {
    const ones = to.emit('Expand', [to.floats([1], [1]), to.ints([count])]);
    const places = to.emit('CumSum', [ones, to.ints([0])]); // 1, 2, ..., count
    const total = to.emit('ReduceSum', [ones, to.ints([0])], { attributes: { keepdims: { int: 1 } } });
    const shares = to.emit('Div', [places, to.emit('Add', [total, to.floats([COUNT_EPS], [1])])]);
    const column = to.emit('Reshape', [shares, to.ints(shape)]);
    const angles = to.emit('Mul', [column, to.floats(waveFactors, [1, 1, WAVES])]);
    const sines = to.emit('Sin', [to.emit('Add', [angles, to.floats(quarters, [1, 1, WAVES])])]);
    return to.emit('Expand', [sines, to.ints([rows, columns, WAVES])]);
  };
  const both = [waves(rows, [rows, 1, 1]), waves(columns, [1, columns, 1])];
  const table = to.emit('Concat', both, { attributes: { axis: { int: 2 } } });
  return [to.emit('Reshape', [table, to.ints([rows * columns, 2 * WAVES])])];
});
