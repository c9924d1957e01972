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
export type { Batch, LoadOptions, SkippedFile } from './data/batch.ts';
export { type FolderGroups, folderGroups, type Grouping, imageGroups } from './data/image-groups.ts';
export type { LeftOut } from './data/left-out.ts';
export { loadBatches } from './data/loader-node.ts';
export type { MaskedImage, MaskedImages } from './data/masked-images.ts';
export { type MaskedFolders, openMaskedImages } from './data/masked-images-node.ts';
export { openSource } from './data/open-source-node.ts';
export { scenesSource } from './data/scenes-source.ts';
export { findSequences, openSequences } from './data/sequences-node.ts';
export type { Source, SourceOptions } from './data/source.ts';
export { labeledPart, subsetOf } from './data/subset.ts';
export type { VideoSequence } from './data/video-sequence.ts';
// Engines: the interface, and the one for Node
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
export { ortNode } from './engine/ort-node.ts';
export type { Values } from './engine/values.ts';
// Looking at what was learned
export {
  type Attended,
  type AttendOptions,
  attend,
  clearestHead,
  patchAt,
  patchColors,
  patchSimilarity,
} from './eval/attention/attend.ts';
export {
  classTokenMaps,
  enlargeMap,
  enlargeMask,
  maskLikeView,
  meanHead,
  type PatchGrid,
  type PatchView,
  patchView,
} from './eval/attention/attention-maps.ts';
export {
  attentionMask,
  attentionMasks,
  bestHeadJaccard,
  jaccard,
  jaccardTable,
  type ObjectScores,
  objectScores,
} from './eval/attention/attention-masks.ts';
export { boundingBox, boxIou, corLoc, isLocalized, largestComponent } from './eval/attention/localization.ts';
export {
  type ImageMaskScores,
  type MaskContender,
  type MaskReport,
  type MaskReportOptions,
  type MaskSummary,
  maskReport,
} from './eval/attention/mask-report.ts';
export {
  type ClassificationScores,
  type Confusion,
  confusionMatrix,
  mostConfused,
} from './eval/classify/classification-scores.ts';
export { type KnnResult, knn } from './eval/classify/knn.ts';
export {
  type Accuracy,
  type KnnReport,
  type KnnReportOptions,
  knnReport,
} from './eval/classify/knn-report.ts';
export {
  type LinearEpoch,
  type LinearOptions,
  linearEpochs,
  linearRate,
} from './eval/classify/linear-evaluation.ts';
export {
  linearFeature,
  type ProbeFeatureOptions,
  probeFeature,
  probeWidth,
} from './eval/classify/linear-features.ts';
export { type LinearHeadReport, linearHeadReport } from './eval/classify/linear-head-report.ts';
export { LinearProbe, type LinearProbeOptions, type LinearWeights } from './eval/classify/linear-probe.ts';
export {
  type Accuracies,
  type LinearReport,
  type LinearReportOptions,
  linearReport,
} from './eval/classify/linear-report.ts';
export {
  bestRate,
  type LinearResult,
  linearEvaluation,
  type RateScores,
  type SweepOptions,
  sweepRates,
} from './eval/classify/linear-sweep.ts';
export { type LogisticFit, type LogisticOptions, LogisticRegression } from './eval/classify/logistic.ts';
export {
  type Budget,
  type LowShotOptions,
  type LowShotReport,
  type LowShotScore,
  lowShotReport,
} from './eval/classify/low-shot.ts';
export { ridgeProbe } from './eval/classify/ridge-probe.ts';
export { chooseClusters } from './eval/cluster/choose-clusters.ts';
export {
  type ClusterReport,
  type ClusterReportOptions,
  clusterReport,
} from './eval/cluster/cluster-report.ts';
export { type ClusterScores, clusterScores } from './eval/cluster/cluster-scores.ts';
export { type Clustering, kMeans } from './eval/cluster/kmeans.ts';
export { silhouette } from './eval/cluster/silhouette.ts';
export { type SecondLook, secondLook } from './eval/copies/confirm-copy.ts';
export { type Attack, attacked, attackedImages, copyAttacks, type Jpeg } from './eval/copies/copy-attacks.ts';
export { type CopyReport, type CopyReportOptions, copyReport, copySize } from './eval/copies/copy-report.ts';
export {
  type DedupeCheck,
  type DedupeImage,
  type DedupeOptions,
  type DedupeReport,
  dedupeReport,
} from './eval/copies/dedupe-report.ts';
export { type Copy, type CopyGroup, type CopyGroupOptions, copyGroups } from './eval/copies/duplicates.ts';
export { FineTuner } from './eval/finetune/fine-tune.ts';
export type { FineTuned, FineTuneOptions, ImageSet } from './eval/finetune/fine-tune-options.ts';
export {
  type FineTuneReport,
  type FineTuneReportOptions,
  fineTuneReport,
} from './eval/finetune/fine-tune-report.ts';
export {
  type FeatureMapOptions,
  type FeatureMaps,
  featureMaps,
  type MapMethod,
  type MappedNetwork,
  mapAccuracy,
  type PlaneMap,
} from './eval/map/feature-map.ts';
export { type TsneMap, type TsneOptions, tsne, usablePerplexity } from './eval/map/tsne.ts';
export {
  type FolderRetrieval,
  folderRetrieval,
  type LabelRetrieval,
  labelRetrieval,
} from './eval/retrieval/label-retrieval.ts';
export {
  type LandmarkReport,
  type LandmarkReportOptions,
  type LandmarkScores,
  landmarkReport,
} from './eval/retrieval/landmark-report.ts';
export { type LandmarkTruth, parseLandmarkTruth } from './eval/retrieval/landmark-truth.ts';
export {
  type RetrievalReport,
  type RetrievalReportOptions,
  retrievalReport,
} from './eval/retrieval/retrieval-report.ts';
export {
  boundaryF,
  type ObjectMeasures,
  objectMeasures,
  type SequenceStatistics,
  sequenceStatistics,
  type VideoScores,
  videoScores,
} from './eval/video/davis-measures.ts';
export {
  type FrameTokens,
  type PropagatedFrame,
  type PropagationOptions,
  propagateLabels,
} from './eval/video/label-propagation.ts';
export { videoFrame, videoFrameSize, videoStatistics } from './eval/video/video-frames.ts';
export {
  type MaskMaker,
  type ObjectScore,
  type SegmentedFrame,
  type SequenceScores,
  segmentVideo,
  type VideoOptions,
} from './eval/video/video-report.ts';
export { type VideoSummary, videoSummary } from './eval/video/video-summary.ts';
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
export { type DescribedImages, type DescribeOptions, describeImages } from './features/describe-images.ts';
export {
  copyDescriptor,
  type Descriptor,
  featureDescriptor,
  multiScaleDescriptor,
  type NetworkFeature,
} from './features/descriptors.ts';
export { type EmbeddedBatch, type EmbedOptions, embedImages } from './features/embed-images.ts';
export { type EvalBatch, type EvalImagesOptions, evalImages, evalView } from './features/eval-images.ts';
export { type Extracted, type ExtractOptions, extractFeatures } from './features/extract.ts';
// Data sets, loops and run folders in Node
export {
  type BankInfo,
  type BankRow,
  type FeatureBank,
  FeatureBankWriter,
  networkFingerprint,
  openFeatureBank,
} from './features/feature-bank-node.ts';
export { FeatureParquet, type ParquetRow } from './features/feature-parquet-node.ts';
export { FrozenBackbone } from './features/frozen-backbone.ts';
export { untrainedWeights, type Weights, weightsUnder } from './features/network-weights.ts';
export { type NumberedImage, readImages } from './features/shown-images.ts';
export { type FileSource, openFile } from './files/file-source-node.ts';
export { type ByteSource, bytesSource } from './format/byte-source.ts';
// File formats, from and to bytes
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
export { encodeOnnx, type OnnxGraph } from './graph/targets/onnx-cpu/onnx-file.ts';
export { blurBy, cropAway, rotate, writeOver } from './image/attacks.ts';
export { decode } from './image/decode-node.ts';
export type { Box, Image } from './image/image.ts';
export { jpegCopy } from './image/jpeg-node.ts';
export type { Levels } from './image/levels.ts';
export { cropMask, type Mask, resizeMask } from './image/mask.ts';
export { decodeMask } from './image/mask-node.ts';
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
// Networks and the method
export { type DinoConfig, dino } from './method/dino.ts';
export type { Method, Objective, ObjectiveInputs, SampleInput, Samples, ViewGroup } from './method/method.ts';
export { type BackboneConfig, featureDim, imageFeature } from './model/backbone.ts';
export { type ConvNetConfig, convNet } from './model/convnet.ts';
export { type HeadConfig, projectionHead } from './model/head.ts';
export { type VitConfig, type VitOutput, vit } from './model/vit.ts';
// Training, step by step or as a loop of events
export { type OptimizerName, rules, type UpdateRule } from './optim/rules.ts';
export { type CosineOptions, cosineSchedule, warmupSchedule } from './optim/schedules.ts';
export { Random } from './random/random.ts';
export { chartSvg, scatterSvg } from './report/charts/standalone-svg.ts';
export { type MapColoring, type MapPage, renderMapPage } from './report/map/map-page.ts';
export type * from './report/model.ts';
export { type ComparedRun, renderComparison } from './report/page/comparison.ts';
export { renderReport } from './report/page/html.ts';
export { labelOverlay, labelPalette } from './report/pictures/label-colors.ts';
export { type AttentionMaps, attentionExample, picture } from './report/pictures/pictures.ts';
export { encodeIndexedPng, encodePng } from './report/pictures/png.ts';
export {
  type BootstrapOptions,
  bootstrap,
  bootstrapMeans,
  halfSampling,
  type Interval,
} from './rows/bootstrap.ts';
export { type FeatureRows, l2NormalizedRows } from './rows/feature-rows.ts';
export type { LabeledFeatures } from './rows/labeled-features.ts';
export { type LbfgsOptions, lbfgs, type Minimum } from './rows/lbfgs.ts';
export { type Neighbors, nearestNeighbors } from './rows/nearest-neighbors.ts';
export { fitPca, type Pca, projectPca } from './rows/pca.ts';
export { type FoundRow, type SearchBlock, searchBlocks } from './rows/search.ts';
export type { RunLength } from './run/extend.ts';
export type { Observation } from './run/monitor.ts';
export { openInitial } from './run/open-initial-node.ts';
// Weights of other origin, and exports
export { openSubject } from './run/open-subject-node.ts';
export { type Prepared, type PrepareOptions, prepare } from './run/prepare.ts';
export { type LogLine, RunFolder } from './run/run-folder-node.ts';
export {
  newSession,
  type RunRecord,
  readRecord,
  resumeSession,
  runSession,
  type Session,
  type SessionEvent,
} from './run/session.ts';
export type { Subject, SubjectOptions } from './run/subject.ts';
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
export type { Diagnosis } from './train/diagnosis.ts';
export { examine, examineFeatures, examineScores, type Vitals } from './train/doctor.ts';
export { examinePlan, type PlanFacts } from './train/examine-plan.ts';
export { applyInitialState, type InitialState, type Taken } from './train/initial-state.ts';
export { type LoopOptions, type StepEvent, type TrainEvent, trainLoop } from './train/loop.ts';
export { type Pace, Plan } from './train/plan.ts';
export { type Choice, chooseRecipe, type Recipe } from './train/recipe.ts';
export type { RunFacts } from './train/recipe-parts.ts';
export {
  type CropSource,
  type StepResult,
  type StepSettings,
  Trainer,
  type TrainerOptions,
} from './train/trainer.ts';
export { download } from './weights/download-node.ts';
export { knownWeights } from './weights/known-weights.ts';
export { findLinearHead, type LinearHead } from './weights/linear-head.ts';
export { readOfficialCheckpoint, type TrainingCheckpoint } from './weights/official-checkpoint.ts';
export { type OpenedWeights, openWeights } from './weights/open-weights-node.ts';
export { openStateDict, type StateDict } from './weights/state-dict.ts';
export {
  type AskedPreprocessing,
  completePreprocessing,
  type StatedPreprocessing,
} from './weights/stated-preprocessing.ts';
export { checkComplete, type FoundVit, findVit, requireHeads } from './weights/vit-weights.ts';
