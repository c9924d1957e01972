/** ONNX Runtime on a CPU: its own kernels for compounds, products with factor and addend in one pass. */
import { decompose } from '../../passes/decompose.ts';
import { simplify } from '../../passes/simplify.ts';
import { type OnnxProgram, onnxTarget } from '../onnx/compile.ts';
import { primitives } from '../onnx/primitives.ts';
import type { Target } from '../target.ts';
import { compounds } from './compounds.ts';

export const onnxCpu: Target<OnnxProgram> = onnxTarget({
  name: 'onnx-cpu',
  rules: [...primitives, ...compounds],
  form: (roots, keeps) => simplify(decompose(roots, keeps)),
});
