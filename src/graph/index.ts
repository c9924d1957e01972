/**
 * A small differentiable-program compiler: symbolic tensors, gradients, targets. It knows nothing of images or of DINO.
 */
export { GraphError } from './errors.ts';
export { gradients } from './gradients.ts';
export { gatherAcross, scatterAcross, sumAcross } from './ops/across.ts';
export { crossEntropy, gelu, logSoftmax, softmax } from './ops/activation.ts';
export { type Attended, attention } from './ops/attention.ts';
export { conv2d } from './ops/convolution.ts';
export { depthwise } from './ops/depthwise.ts';
export {
  add,
  div,
  equal,
  erf,
  exp,
  greater,
  log,
  maximum,
  mul,
  neg,
  relu,
  scale,
  shift,
  sqrt,
  square,
  stopGradient,
  sub,
  tanh,
  where,
} from './ops/elementwise.ts';
export { cast, concat, expand, gather, pad, reshape, scatterAdd, slice, transpose } from './ops/layout.ts';
export { constant, indices, input, scalar, zeros } from './ops/leaf.ts';
export {
  type BatchStatistics,
  batchNorm,
  batchNormTrain,
  l2Normalize,
  layerNorm,
  weightNormLinear,
} from './ops/normalize.ts';
export { patchProjection } from './ops/patches.ts';
export { maxPool, meanPool } from './ops/pooling.ts';
export {
  type GemmOptions,
  gemm,
  linear,
  type MatmulOptions,
  matmul,
  type ProductOptions,
  product,
} from './ops/product.ts';
export { max, mean, type ReduceOptions, sum, sumOfSquares } from './ops/reduce.ts';
export { crop, topK } from './ops/select.ts';
export { type UnfoldOptions, unfold } from './ops/windows.ts';
export { hoistSlices } from './passes/hoist-slices.ts';
export { replaceInputs } from './passes/replace-inputs.ts';
export { splitRows } from './passes/split-rows.ts';
export { type Meeting, type Stage, splitStages } from './passes/stages.ts';
export {
  drawn,
  type Initializer,
  one,
  type ParameterInfo,
  ParameterSet,
  Scope,
  truncNormal,
  uniform,
  xavierUniform,
  zero,
} from './scope.ts';
export { type OnnxProgram, onnxPrimitives } from './targets/onnx/compile.ts';
export type { View } from './targets/onnx/onnx-lowering.ts';
export { onnxCpu } from './targets/onnx-cpu/target.ts';
export {
  type OpenModel,
  type OpenModelOptions,
  onnxPortable,
  openModel,
} from './targets/onnx-portable/compile.ts';
export { type StableHloOptions, type StableHloProgram, stableHlo } from './targets/stablehlo/compile.ts';
export type { Precision } from './targets/stablehlo/rule.ts';
export type { Border, Results, Target } from './targets/target.ts';
export { wgsl } from './targets/wgsl/compile.ts';
export {
  gridOf,
  leastLimits,
  type Place,
  type WgslKernel,
  type WgslLimits,
  type WgslProgram,
} from './targets/wgsl/program.ts';
export {
  apply,
  type DType,
  type NodeOf,
  type Op,
  type Shape,
  sizeOf,
  type Tensor,
  type TensorType,
} from './tensor.ts';
