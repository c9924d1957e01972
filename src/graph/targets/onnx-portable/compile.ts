/** Programs for any ONNX runtime, with the sizes that the graph has. */
import { type OnnxProgram, onnxTarget } from '../onnx-cpu/compile.ts';
import type { Target } from '../target.ts';
import { portableForm } from './form.ts';
import { portableRules } from './rules.ts';

/** ONNX of opset 17 without extensions. */
export const onnxPortable: Target<OnnxProgram> = onnxTarget({
  name: 'onnx-portable',
  rules: portableRules(17),
  form: portableForm,
  opset: 17,
});
