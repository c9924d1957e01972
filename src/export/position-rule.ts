/** Position embeddings that fit images of any size, as ONNX: interpolated when the model runs. */
import { GraphError } from '../graph/index.ts';
import { type Lowering, type Rule, rule } from '../graph/targets/onnx/lowering.ts';
import { ELEMENT_TYPE } from '../graph/targets/onnx/onnx-file.ts';
import { resizeGridOp } from '../model/position.ts';

/**
 * Without an offset the grid is resized to the places there are. With one it is resized by a factor that the offset is in, but not
 * where the image is square and has the trained number of places (see `positions`).
 */
export const positionRule: Rule = rule(resizeGridOp, (node, to) => {
  const { rows, columns, height, width, offset, antialias } = node.attributes;
  const [x, trained, dim] = [node.input(0), node.input(0).dim(1), node.input(0).dim(2)];
  if (antialias && offset !== 0)
    throw new GraphError(
      'Positions that are antialiased and have an offset cannot be exported to ONNX: export the network with --to huggingface.',
    );
  const side = Math.sqrt(trained);
  const grid = to.emit('Reshape', [transposed(to.name(x), to), to.ints([1, dim, side, side])]);
  const attributes = {
    mode: { text: 'cubic' },
    coordinate_transformation_mode: { text: 'half_pixel' },
    cubic_coeff_a: { float: antialias ? -0.5 : -0.75 },
    ...(antialias ? { antialias: { int: 1 }, exclude_outside: { int: 1 } } : {}),
  };
  const places = to.ints([rows, columns]);
  let size: readonly string[];
  if (offset === 0) size = ['', to.ints([1, dim, rows, columns])];
  else {
    const cells = to.emit('Cast', [places], { attributes: { to: { int: ELEMENT_TYPE.f32 } } });
    const factors = to.emit('Div', [
      to.emit('Add', [cells, to.floats([offset], [1])]),
      to.floats([side], [1]),
    ]);
    const fits = to.emit('And', [
      to.emit('Equal', [to.ints([rows * columns]), to.ints([trained])]),
      to.emit('Equal', [to.ints([height]), to.ints([width])]),
    ]);
    const chosen = to.emit('Where', [fits, to.floats([1], [1]), factors]);
    size = [to.emit('Concat', [to.floats([1, 1], [2]), chosen], { attributes: { axis: { int: 0 } } })];
  }
  const resized = to.emit('Resize', [grid, '', ...size], { attributes });
  return [transposed(to.emit('Reshape', [resized, to.ints([1, dim, rows * columns])]), to)];
});

/** [1, a, b] -> [1, b, a] */
function transposed(x: string, to: Lowering): string {
  return to.emit('Transpose', [x], { attributes: { perm: { ints: [0, 2, 1] } } });
}
