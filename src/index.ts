/**
 * What an application needs to train networks, to use them and to draw what was found: plain code on typed arrays, which runs in
 * Node and bundles for a browser. Files, threads and the native engine are in `dino-ts/node`, features and evaluations in
 * `dino-ts/eval`, the compiler alone in `dino-ts/graph`. What none of them names is internal and may change.
 *
 *     const source = openSource('photos'); // dino-ts/node, as is nodeMachine
 *     const prepared = await prepare({ source, options: { minutes: 10 }, ...nodeMachine });
 *     for await (const event of trainLoop({ source, ...nodeMachine, ...prepared })) if (event.type === 'step') console.log(event.loss);
 */

// Images, masks and what a network sees of them

export { blurBy, cropAway, rotate, writeOver } from './image/attacks.ts';
export type { Box, Image } from './image/image.ts';
export { ImageError, imageReason } from './image/image-error.ts';
export type { Levels } from './image/levels.ts';
export { cropMask, type Mask, resizeMask } from './image/mask.ts';
export {
  type ChannelStatistics,
  imagenetStatistics,
  normalizationTable,
  normalize,
} from './image/normalize.ts';
export { type LabeledObjects, objectsOf } from './image/object-labels.ts';
export {
  inputView,
  isSamePreprocessing,
  type Preprocessing,
  usualPreprocessing,
} from './image/preprocessing.ts';
export { centerCrop, resize, resizeShortSide } from './image/resize.ts';

// Data sets: what one is, crops of its images, generated scenes

export { CropAssembler, type CropLayout } from './data/assemble.ts';
export type { Batch, BatchLoader, LoadOptions } from './data/batch.ts';
export { type FolderGroups, folderGroups, type Grouping, imageGroups } from './data/image-groups.ts';
export { matchClasses, requireLabels } from './data/labels.ts';
export type { LeftOut } from './data/left-out.ts';
export type { MaskedImage, MaskedImages } from './data/masked-images.ts';
export { scenesSource } from './data/scenes-source.ts';
export type { SkippedImage } from './data/skipped-images.ts';
export type { ImageList, ImageReader, Source, SourceOptions, StoredList } from './data/source.ts';
export { labeledPart, subsetOf } from './data/subset.ts';
export type { VideoSequence } from './data/video-sequence.ts';
export {
  applyView,
  augment,
  type CropRecipe,
  dinoAugmentation,
  drawView,
  type ViewKind,
  type ViewOp,
  viewSizes,
} from './image/augment.ts';
export { renderScene, type Scene, sceneClasses } from './scenes/scene.ts';

// Engines: the interface, and programs on arrays

export { evaluate, runOnArrays } from './engine/arrays.ts';
export {
  type Buffers,
  type DeviceBuffer,
  type Engine,
  EngineError,
  type EngineOptions,
  type Program,
} from './engine/engine.ts';
export type { OnnxEngine } from './engine/onnx-engine.ts';
export type { Values } from './engine/values.ts';

// Networks and the method

export { alone, type Collective } from './collective/collective.ts';
export type { Across } from './method/across.ts';
export type { MaskShares } from './method/block-masks.ts';
export { type ByolConfig, byol } from './method/byol.ts';
export {
  type Concern,
  defineMethod,
  type MethodDefinition,
  type MethodNumbers,
  type MethodSpec,
  type RecipeFacts,
  type Setup,
  type Suggestions,
} from './method/definition.ts';
export { type DinoConfig, dino } from './method/dino.ts';
export { type Dinov2Config, dinov2 } from './method/dinov2.ts';
export { type DistillConfig, distill } from './method/distill.ts';
export { type MaeConfig, mae } from './method/mae.ts';
export {
  type Coupling,
  groupViews,
  type Measure,
  type Method,
  type Objective,
  type ObjectiveInputs,
  type SampleInput,
  type Samples,
  type Verdict,
  type ViewGroup,
  type Vitals,
} from './method/method.ts';
export { OptionError } from './method/option-error.ts';
export { addMethod, definitions, methodNamed } from './method/registry.ts';
export { type SimclrConfig, simclr } from './method/simclr.ts';
export { type BackboneConfig, featureDim, imageFeature } from './model/backbone.ts';
export { batchNormLayer, type Mode } from './model/batch-norm.ts';
export type { ByolHeadConfig, SimclrHeadConfig } from './model/batch-norm-head.ts';
export { type ConvNetConfig, convNet } from './model/convnet.ts';
export { gatedWidth } from './model/dinov2.ts';
export { type HeadConfig, projectionHead } from './model/head.ts';
export { dense } from './model/layers.ts';
export type { MaeDecoderConfig } from './model/masked-autoencoder.ts';
export { type ResnetConfig, type ResnetName, resnet, resnetConfig } from './model/resnet.ts';
export { type VitConfig, type VitOutput, vit } from './model/vit.ts';
export { type XcitConfig, xcit } from './model/xcit.ts';
export { type XcitName, xcitConfig } from './model/xcit-sizes.ts';

// Training, step by step or as a loop of events

export {
  adamw,
  type Betas,
  type LarsNorm,
  lars,
  type OptimizerName,
  rules,
  type UpdateRule,
} from './optim/rules.ts';
export { type CosineOptions, cosineSchedule, rootScaledRate, warmupSchedule } from './optim/schedules.ts';
export { Random } from './random/random.ts';
export { backboneOf, cropRecipeOf, methodOf } from './train/build.ts';
export {
  type CheckpointHeader,
  encodeCheckpoint,
  networkWeights,
  restoreCheckpoint,
} from './train/checkpoint.ts';
export {
  parseConfig,
  parseOptions,
  type TrainConfig,
  type TrainOptions,
} from './train/config.ts';
export { examine, examineFeatures } from './train/doctor.ts';
export { examinePlan, type PlanFacts } from './train/examine-plan.ts';
export { examineScores } from './train/examine-scores.ts';
export { applyInitialState, type InitialState, type Taken } from './train/initial-state.ts';
export { type LoopOptions, type StepEvent, type TrainEvent, trainLoop } from './train/loop.ts';
export { type Pace, Plan } from './train/plan.ts';
export { type Choice, chooseRecipe, type Recipe } from './train/recipe.ts';
export type { RunFacts } from './train/recipe-parts.ts';
export {
  type ByteCropSource,
  type CropSource,
  type CropSources,
  type StepResult,
  type StepSettings,
  Trainer,
  type TrainerOptions,
} from './train/trainer.ts';

// Before the first step: the recipe, the micro-batch, the length of the run

export type { RunLength } from './run/extend.ts';
export type { Machine } from './run/machine.ts';
export { type Prepared, type PrepareOptions, prepare } from './run/prepare.ts';

// File formats, from and to bytes

export { type ByteSource, bytesSource } from './format/byte-source.ts';
export {
  type NpyArray,
  type NpyHeader,
  npyHeader,
  parseNpy,
  parseNpyHeader,
  serializeNpy,
} from './format/npy.ts';
export {
  type Dtype,
  f32,
  parseSafetensors,
  type Safetensors,
  type StoredTensor,
  serializeSafetensors,
  type TensorOf,
} from './format/safetensors.ts';
export { encodeScalars, encodeVersion, eventFileName } from './format/tfevents.ts';
export { encodeOnnx, type OnnxGraph } from './graph/targets/onnx/onnx-file.ts';

// Weights of other origin, and exports

export {
  type ExportTarget,
  exportFiles,
  exportTargets,
  type NetworkToExport,
} from './export/export-files.ts';
export { type ClassifierHead, type OnnxModelOptions, onnxModel } from './export/onnx-model.ts';
export { toHalf, toQuantized } from './export/onnx-precision.ts';
export { trainStepFiles } from './export/train-step.ts';
export { updateProgram } from './export/update-program.ts';
export { checkComplete, type FoundNetwork, findNetwork } from './weights/find-network.ts';
export { requireHeads } from './weights/infer-config.ts';
export { knownWeights } from './weights/known-weights.ts';
export { findLinearHead, type LinearHead } from './weights/linear-head.ts';
export { readOfficialCheckpoint, type TrainingCheckpoint } from './weights/official-checkpoint.ts';
export { openStateDict, type StateDict } from './weights/state-dict.ts';
export {
  type AskedPreprocessing,
  completePreprocessing,
  type StatedPreprocessing,
} from './weights/stated-preprocessing.ts';

// Pages, charts and pictures

export type { Block, EvaluationSection } from './report/blocks.ts';
export { chartSvg, scatterSvg } from './report/charts/standalone-svg.ts';
export type { Finding } from './report/finding.ts';
export { type MapColoring, type MapPage, renderMapPage } from './report/map/map-page.ts';
export type * from './report/model.ts';
export { type ComparedRun, renderComparison, type StudyPage } from './report/page/comparison.ts';
export { renderReport } from './report/page/html.ts';
export type { Picture, PicturedImages } from './report/picture.ts';
export { labelOverlay, labelPalette } from './report/pictures/label-colors.ts';
export { type AttentionMaps, attentionExample, picture } from './report/pictures/pictures.ts';
export { encodeIndexedPng, encodePng } from './report/pictures/png.ts';
export { withThumbnails } from './report/pictures/thumbnails.ts';
export { gridBars, gridTable, type Score, type ScoreGrid } from './report/score-grid.ts';
