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
export {
  type BankInfo,
  type BankRow,
  type FeatureBank,
  FeatureBankWriter,
  networkFingerprint,
  openFeatureBank,
} from './data/feature-bank.ts';
export { FeatureParquet, type ParquetRow } from './data/feature-parquet.ts';
export type { LeftOut } from './data/left-out.ts';
export { type Batch, type LoadOptions, loadBatches, type SkippedFile } from './data/loader.ts';
export { type MaskedFolders, openMaskedImages } from './data/masked-images.ts';
export {
  inputView,
  isSamePreprocessing,
  type Preprocessing,
  usualPreprocessing,
} from './data/preprocessing.ts';
export { findSequences, openSequences } from './data/sequences.ts';
export { openSource, type Source, type SourceOptions, scenesSource } from './data/source.ts';
export { labeledPart, subsetOf } from './data/subset.ts';
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
  type Attended,
  type AttendOptions,
  attend,
  clearestHead,
  patchAt,
  patchColors,
  patchSimilarity,
} from './eval/attend.ts';
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
  type BootstrapOptions,
  bootstrap,
  bootstrapMeans,
  halfSampling,
  type Interval,
} from './eval/bootstrap.ts';
export { chooseClusters } from './eval/choose-clusters.ts';
export {
  type ClassificationScores,
  type Confusion,
  confusionMatrix,
  mostConfused,
} from './eval/classification-scores.ts';
export { type ClusterReport, type ClusterReportOptions, clusterReport } from './eval/cluster-report.ts';
export { type ClusterScores, clusterScores } from './eval/cluster-scores.ts';
export { type SecondLook, secondLook } from './eval/confirm-copy.ts';
export { type Attack, attacked, attackedImages, copyAttacks, type Jpeg } from './eval/copy-attacks.ts';
export { type CopyReport, type CopyReportOptions, copyReport, copySize } from './eval/copy-report.ts';
export {
  boundaryF,
  type ObjectMeasures,
  objectMeasures,
  type SequenceStatistics,
  sequenceStatistics,
  type VideoScores,
  videoScores,
} from './eval/davis-measures.ts';
export {
  type DedupeCheck,
  type DedupeImage,
  type DedupeOptions,
  type DedupeReport,
  dedupeReport,
} from './eval/dedupe-report.ts';
export {
  copyDescriptor,
  type DescribedImages,
  type DescribeOptions,
  type Descriptor,
  describeImages,
  featureDescriptor,
  multiScaleDescriptor,
  type NumberedImage,
  readImages,
} from './eval/describe-images.ts';
export { type Copy, type CopyGroup, type CopyGroupOptions, copyGroups } from './eval/duplicates.ts';
export { type EmbeddedBatch, type EmbedOptions, embedImages } from './eval/embed-images.ts';
export { type EvalBatch, type EvalImagesOptions, evalImages, evalView } from './eval/eval-images.ts';
export { type Extracted, type ExtractOptions, extractFeatures, type NetworkFeature } from './eval/extract.ts';
export {
  type FeatureMapOptions,
  type FeatureMaps,
  featureMaps,
  type MapMethod,
  type MappedNetwork,
  mapAccuracy,
  type PlaneMap,
} from './eval/feature-map.ts';
export { FineTuner } from './eval/fine-tune.ts';
export type { FineTuned, FineTuneOptions, ImageSet } from './eval/fine-tune-options.ts';
export { type FineTuneReport, type FineTuneReportOptions, fineTuneReport } from './eval/fine-tune-report.ts';
export { FrozenBackbone, untrainedWeights, type Weights, weightsUnder } from './eval/frozen-backbone.ts';
export { type FolderGroups, folderGroups, type Grouping, imageGroups } from './eval/image-groups.ts';
export { type Clustering, kMeans } from './eval/kmeans.ts';
export {
  type FeatureRows,
  type KnnResult,
  knn,
  l2NormalizedRows,
  type Neighbors,
  nearestNeighbors,
} from './eval/knn.ts';
export { type Accuracy, type KnnReport, type KnnReportOptions, knnReport } from './eval/knn-report.ts';
export {
  type FrameTokens,
  type PropagatedFrame,
  type PropagationOptions,
  propagateLabels,
} from './eval/label-propagation.ts';
export {
  type FolderRetrieval,
  folderRetrieval,
  type LabelRetrieval,
  labelRetrieval,
} from './eval/label-retrieval.ts';
export type { LabeledFeatures } from './eval/labeled-features.ts';
export {
  type LandmarkReport,
  type LandmarkReportOptions,
  type LandmarkScores,
  landmarkReport,
} from './eval/landmark-report.ts';
export { type LandmarkTruth, parseLandmarkTruth } from './eval/landmark-truth.ts';
export { type LbfgsOptions, lbfgs, type Minimum } from './eval/lbfgs.ts';
export { type LinearEpoch, type LinearOptions, linearEpochs, linearRate } from './eval/linear-evaluation.ts';
export { linearFeature, type ProbeFeatureOptions, probeFeature, probeWidth } from './eval/linear-features.ts';
export { type LinearHeadReport, linearHeadReport } from './eval/linear-head-report.ts';
export { LinearProbe, type LinearProbeOptions, type LinearWeights } from './eval/linear-probe.ts';
export {
  type Accuracies,
  type LinearReport,
  type LinearReportOptions,
  linearReport,
} from './eval/linear-report.ts';
export {
  bestRate,
  type LinearResult,
  linearEvaluation,
  type RateScores,
  type SweepOptions,
  sweepRates,
} from './eval/linear-sweep.ts';
export { boundingBox, boxIou, corLoc, isLocalized, largestComponent } from './eval/localization.ts';
export { type LogisticFit, type LogisticOptions, LogisticRegression } from './eval/logistic.ts';
export {
  type Budget,
  type LowShotOptions,
  type LowShotReport,
  type LowShotScore,
  lowShotReport,
} from './eval/low-shot.ts';
export {
  type ImageMaskScores,
  type MaskContender,
  type MaskedImage,
  type MaskedImages,
  type MaskReport,
  type MaskReportOptions,
  type MaskSummary,
  maskReport,
} from './eval/mask-report.ts';
export { type LabeledObjects, objectsOf } from './eval/object-labels.ts';
export { fitPca, type Pca, projectPca } from './eval/pca.ts';
export {
  type RetrievalReport,
  type RetrievalReportOptions,
  retrievalReport,
} from './eval/retrieval-report.ts';
export { ridgeProbe } from './eval/ridge-probe.ts';
export { type FoundRow, type SearchBlock, searchBlocks } from './eval/search.ts';
export { silhouette } from './eval/silhouette.ts';
export type { SkippedImage } from './eval/skipped-images.ts';
// Weights of other origin, and exports
export { openSubject, type Subject, type SubjectOptions } from './eval/subject.ts';
export { type TsneMap, type TsneOptions, tsne, usablePerplexity } from './eval/tsne.ts';
export { videoFrame, videoFrameSize, videoStatistics } from './eval/video-frames.ts';
export {
  type MaskMaker,
  type ObjectScore,
  type SegmentedFrame,
  type SequenceScores,
  segmentVideo,
  type VideoOptions,
  type VideoSequence,
} from './eval/video-report.ts';
export { type VideoSummary, videoSummary } from './eval/video-summary.ts';
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
export { encodeOnnx, type OnnxGraph } from './graph/onnx.ts';
export { blurBy, cropAway, rotate, writeOver } from './image/attacks.ts';
export { decode } from './image/decode-node.ts';
export type { Box, Image } from './image/image.ts';
export { ImageError, imageReason } from './image/image-error.ts';
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
export { type ComparedRun, renderComparison } from './report/comparison.ts';
export { renderReport } from './report/html.ts';
export { labelOverlay, labelPalette } from './report/label-colors.ts';
export { type MapColoring, type MapPage, renderMapPage } from './report/map-page.ts';
export type * from './report/model.ts';
export { type AttentionMaps, attentionExample, picture } from './report/pictures.ts';
export { encodeIndexedPng, encodePng } from './report/png.ts';
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
export type { Diagnosis } from './train/diagnosis.ts';
export { examine, examineFeatures, examineScores, type Vitals } from './train/doctor.ts';
export { examinePlan, type PlanFacts } from './train/examine-plan.ts';
export type { RunLength } from './train/extend.ts';
export { applyInitialState, type InitialState, type Taken } from './train/initial-state.ts';
export { type LoopOptions, type StepEvent, type TrainEvent, trainLoop } from './train/loop.ts';
export type { Observation } from './train/monitor.ts';
export { openInitial } from './train/open-initial.ts';
export { type Pace, Plan } from './train/plan.ts';
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
export { download } from './weights/download-node.ts';
export { type FileSource, openFile } from './weights/file-source-node.ts';
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
