/**
 * The public surface of the library: what an application needs to train, to look at what was learned, and to use it.
 * Everything else is internal and may change. The graph compiler is an entry of its own, `dino-ts/graph`.
 *
 *     const source = openSource('photos');
 *     const prepared = await prepare({ source, options: { minutes: 10 }, engine: ortNode, cores: availableParallelism() });
 *     for await (const event of trainLoop({ source, ...prepared })) if (event.type === 'step') console.log(event.loss);
 *
 * The last two groups need Node (files, threads, the native engine); the rest is plain typed-array code. They are kept apart
 * so that they can become an entry of their own when the library runs in browsers.
 */

// Images, crops and generated scenes
export { CropAssembler, type CropLayout } from './data/assemble.ts';
export {
  applyView,
  augment,
  type CropRecipe,
  dinoAugmentation,
  drawView,
  type ViewKind,
  type ViewOp,
  viewSizes,
} from './data/augment.ts';
// Data sets, loops and run folders in Node
export { type Batch, type LoadOptions, loadBatches, type SkippedFile } from './data/loader.ts';
export { openSource, type Source, type SourceOptions, scenesSource } from './data/source.ts';
// Engines: the interface, and the one for Node
export {
  type Engine,
  EngineError,
  type EngineOptions,
  evaluate,
  type Program,
  type Values,
} from './engine/engine.ts';
export { ortNode } from './engine/ort-node.ts';
// Looking at what was learned
export {
  classTokenMaps,
  enlargeMap,
  enlargeMask,
  maskLikeView,
  meanHead,
  type PatchGrid,
  type PatchView,
  patchView,
} from './eval/attention-maps.ts';
export {
  attentionMask,
  attentionMasks,
  bestHeadJaccard,
  jaccard,
  jaccardTable,
  type ObjectScores,
  objectScores,
} from './eval/attention-masks.ts';
export {
  type ClassificationScores,
  type Confusion,
  confusionMatrix,
  mostConfused,
} from './eval/classification-scores.ts';
export {
  boundaryF,
  type ObjectMeasures,
  objectMeasures,
  type SequenceStatistics,
  sequenceStatistics,
  type VideoScores,
  videoScores,
} from './eval/davis-measures.ts';
export { type EvalBatch, type EvalImagesOptions, evalImages, evalView } from './eval/eval-images.ts';
export { type Extracted, extractFeatures } from './eval/extract.ts';
export {
  type FeatureMapOptions,
  type FeatureMaps,
  featureMaps,
  type MapMethod,
  type MappedNetwork,
  mapAccuracy,
  type PlaneMap,
} from './eval/feature-map.ts';
export { FrozenBackbone, untrainedWeights, type Weights, weightsUnder } from './eval/frozen-backbone.ts';
export {
  type FeatureRows,
  type KnnResult,
  knn,
  l2NormalizedRows,
  type Neighbours,
  nearestNeighbours,
} from './eval/knn.ts';
export { type Accuracy, type KnnReport, type KnnReportOptions, knnReport } from './eval/knn-report.ts';
export {
  type FrameTokens,
  type PropagatedFrame,
  type PropagationOptions,
  propagateLabels,
} from './eval/label-propagation.ts';
export type { LabelledFeatures } from './eval/labelled-features.ts';
export { type LinearEpoch, type LinearOptions, linearEpochs, linearRate } from './eval/linear-evaluation.ts';
export { type ProbeFeatureOptions, probeFeature, probeWidth } from './eval/linear-features.ts';
export { LinearProbe, type LinearProbeOptions, type LinearWeights } from './eval/linear-probe.ts';
export {
  bestRate,
  type LinearResult,
  linearEvaluation,
  type RateScores,
  type SweepOptions,
  sweepRates,
} from './eval/linear-sweep.ts';
export { boundingBox, boxIou, corLoc, isLocalized, largestComponent } from './eval/localization.ts';
export { ridgeProbe } from './eval/ridge-probe.ts';
export { type TsneMap, type TsneOptions, tsne, usablePerplexity } from './eval/tsne.ts';
export { videoFrame, videoFrameSize, videoStatistics } from './eval/video-frames.ts';
// File formats, from and to bytes
export { type NpyArray, parseNpy, serializeNpy } from './format/npy.ts';
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
export { decode } from './image/decode-node.ts';
export type { Box, Image } from './image/image.ts';
export { cropMask, type Mask, resizeMask } from './image/mask.ts';
export {
  type ChannelStatistics,
  imagenetStatistics,
  normalizationTable,
  normalize,
} from './image/normalize.ts';
export { centerCrop, resize, resizeShortSide } from './image/resize.ts';
// Networks and the method
export { type DinoConfig, dino } from './method/dino.ts';
export type { Method, NoiseInput, Objective, ObjectiveInputs, ViewGroup } from './method/method.ts';
export { type BackboneConfig, featureDim, imageFeature } from './model/backbone.ts';
export { type ConvNetConfig, convNet } from './model/convnet.ts';
export { type HeadConfig, projectionHead } from './model/head.ts';
export { type VitConfig, type VitOutput, vit } from './model/vit.ts';
// Training, step by step or as a loop of events
export { type OptimizerName, rules, type UpdateRule } from './optim/rules.ts';
export { type CosineOptions, cosineSchedule, warmupSchedule } from './optim/schedules.ts';
export { Random } from './random/random.ts';
export { renderReport } from './report/html.ts';
export { type MapPage, renderMapPage } from './report/map-page.ts';
export type * from './report/model.ts';
export { type AttentionMaps, attentionExample, picture } from './report/pictures.ts';
export { encodePng } from './report/png.ts';
export { chartSvg, scatterSvg } from './report/standalone-svg.ts';
export { renderScene, type Scene, sceneClasses } from './scenes/scene.ts';
export { backboneOf, cropRecipeOf, methodOf } from './train/build.ts';
export {
  type CheckpointHeader,
  encodeCheckpoint,
  networkWeights,
  restoreCheckpoint,
} from './train/checkpoint.ts';
export {
  type TrainConfig,
  type TrainOptions,
  trainConfigSchema,
  trainOptionsSchema,
} from './train/config.ts';
export { type Diagnosis, examine, examinePlan, type Vitals } from './train/doctor.ts';
export { type LoopOptions, type StepEvent, type TrainEvent, trainLoop } from './train/loop.ts';
export type { Observation } from './train/monitor.ts';
export { makePlan, type Plan } from './train/plan.ts';
export { type Prepared, type PrepareOptions, prepare } from './train/prepare.ts';
export { type Choice, chooseRecipe, type Recipe, type RunFacts } from './train/recipe.ts';
export { type LogLine, RunFolder } from './train/run-folder-node.ts';
export {
  newSession,
  type RunRecord,
  readRecord,
  resumeSession,
  runSession,
  type Session,
  type SessionEvent,
} from './train/session.ts';
export {
  type CropSource,
  type StepResult,
  type StepSettings,
  Trainer,
  type TrainerOptions,
} from './train/trainer.ts';
