/**
 * What is measured of a network: features of frozen networks, the baselines they are compared with, and every evaluation as an
 * algorithm, as a report of typed data, and as the section of a page. Plain code, as `dino-ts`: it runs in Node and bundles for a
 * browser.
 *
 *     const report = await knnReport({ train, test, backbone, trained, untrained, engine, ks: [20], temperature: 0.07 });
 */

// Features of frozen networks, and of the images they are compared by

export {
  type Compared,
  type ComparedName,
  type CompareOptions,
  type Comparison,
  compareDescribed,
  comparedNames,
  comparedTitles,
  compareFeatures,
  pixelComponents,
} from '../features/baselines.ts';
export { type DescribedImages, type DescribeOptions, describeImages } from '../features/describe-images.ts';
export {
  copyDescriptor,
  type Descriptor,
  featureDescriptor,
  multiScaleDescriptor,
  type NetworkFeature,
} from '../features/descriptors.ts';
export { type EmbeddedBatch, type EmbedOptions, embedImages } from '../features/embed-images.ts';
export { type EvalBatch, type EvalImagesOptions, evalImages, evalView } from '../features/eval-images.ts';
export { type Extracted, type ExtractOptions, extractFeatures } from '../features/extract.ts';
export { FrozenBackbone, type PixelBatch } from '../features/frozen-backbone.ts';
export { type LabeledImages, type LabeledImagesOptions, labeledImages } from '../features/labeled-images.ts';
export { untrainedWeights, type Weights, weightsUnder } from '../features/network-weights.ts';
export { pixelBatches, type ShownBatch } from '../features/pixel-batches.ts';
export {
  type NumberedImage,
  type ReadOptions,
  readImages,
  type ShownImage,
  shown,
  shownImages,
  type ViewOf,
} from '../features/shown-images.ts';
export { type ViewCount, viewsOf } from '../features/views.ts';

// Rows of features and their linear algebra

export {
  type BootstrapOptions,
  bootstrap,
  bootstrapMeans,
  halfSampling,
  type Interval,
} from '../rows/bootstrap.ts';
export { type FeatureRows, joinRows, l2NormalizedRows } from '../rows/feature-rows.ts';
export type { LabeledFeatures } from '../rows/labeled-features.ts';
export { type LbfgsOptions, lbfgs, type Minimum } from '../rows/lbfgs.ts';
export { largestMatching } from '../rows/matching.ts';
export { type Neighbors, nearestNeighbors } from '../rows/nearest-neighbors.ts';
export { pairedGains } from '../rows/paired-gains.ts';
export { fitPca, type Pca, projectPca } from '../rows/pca.ts';
export { type FoundRow, type SearchBlock, searchBlocks } from '../rows/search.ts';
export { type CenteredWhitening, learnWhitening, whiten } from '../rows/whitening.ts';

// Classification of frozen features

export { type Calibration, calibrate, calibrationError } from './classify/calibration.ts';
export {
  type ClassificationScores,
  type Confusion,
  confusionMatrix,
  mostConfused,
} from './classify/classification-scores.ts';
export { type KnnResult, knn } from './classify/knn.ts';
export { type Accuracy, type KnnReport, type KnnReportOptions, knnReport } from './classify/knn-report.ts';
export { type KnnFacts, knnStatement } from './classify/knn-section.ts';
export {
  type LinearEpoch,
  type LinearOptions,
  linearEpochs,
  linearRate,
} from './classify/linear-evaluation.ts';
export {
  linearFeature,
  type ProbeFeatureOptions,
  probeFeature,
  probeWidth,
} from './classify/linear-features.ts';
export { type LinearHeadReport, linearHeadReport } from './classify/linear-head-report.ts';
export { LinearProbe, type LinearProbeOptions, type LinearWeights } from './classify/linear-probe.ts';
export {
  type Accuracies,
  type LinearReport,
  type LinearReportOptions,
  linearReport,
} from './classify/linear-report.ts';
export {
  type LinearFacts,
  type LinearHeadFacts,
  linearHeadStatement,
  linearStatement,
} from './classify/linear-section.ts';
export {
  bestRate,
  type LinearResult,
  linearEvaluation,
  type RateScores,
  type SweepOptions,
  sweepRates,
} from './classify/linear-sweep.ts';
export { type LogisticFit, type LogisticOptions, LogisticRegression } from './classify/logistic.ts';
export { type LogisticFacts, logisticStatement } from './classify/logistic-section.ts';
export {
  type Budget,
  type LowShotOptions,
  type LowShotReport,
  type LowShotScore,
  lowShotReport,
} from './classify/low-shot.ts';
export { ridgeProbe } from './classify/ridge-probe.ts';
export { fitTemperature, type LogitRows } from './classify/temperature.ts';

// Fine-tuning

export { FineTuner } from './finetune/fine-tune.ts';
export type { FineTuned, FineTuneOptions, ImageSet } from './finetune/fine-tune-options.ts';
export {
  type FineTuneReport,
  type FineTuneReportOptions,
  fineTuneReport,
} from './finetune/fine-tune-report.ts';
export { type FineTuneFacts, fineTuneStatement } from './finetune/section.ts';

// Clusters

export { chooseClusters } from './cluster/choose-clusters.ts';
export { type ClusterReport, type ClusterReportOptions, clusterReport } from './cluster/cluster-report.ts';
export { type ClusterScores, clusterScores } from './cluster/cluster-scores.ts';
export { type Clustering, kMeans } from './cluster/kmeans.ts';
export { type ClusterFacts, clusterStatement } from './cluster/section.ts';
export { silhouette } from './cluster/silhouette.ts';

// Retrieval

export {
  type FolderRetrieval,
  folderRetrieval,
  type LabelRetrieval,
  labelRetrieval,
} from './retrieval/label-retrieval.ts';
export {
  type LandmarkReport,
  type LandmarkReportOptions,
  type LandmarkScores,
  landmarkReport,
} from './retrieval/landmark-report.ts';
export { type LandmarkFacts, landmarkStatement } from './retrieval/landmark-section.ts';
export { type LandmarkTruth, parseLandmarkTruth } from './retrieval/landmark-truth.ts';
export {
  chanceAveragePrecision,
  chanceRecall,
  type RetrievalChance,
  retrievalChance,
} from './retrieval/retrieval-chance.ts';
export {
  type RetrievalReport,
  type RetrievalReportOptions,
  retrievalReport,
} from './retrieval/retrieval-report.ts';
export { type FolderRetrievalFacts, retrievalStatement } from './retrieval/section.ts';

// Copies of images

export { comparePixels, type PixelComparison } from './copies/confirm-copy.ts';
export { type Attack, attacked, attackedImages, copyAttacks, type Jpeg } from './copies/copy-attacks.ts';
export { type CopyReport, type CopyReportOptions, copyReport, copySize } from './copies/copy-report.ts';
export {
  type DedupeCheck,
  type DedupeImage,
  type DedupeOptions,
  type DedupeReport,
  dedupeReport,
} from './copies/dedupe-report.ts';
export { type DedupeFacts, dedupeStatement } from './copies/dedupe-section.ts';
export { type Copy, type CopyGroup, type CopyGroupOptions, copyGroups } from './copies/duplicates.ts';
export { type CopyFacts, type CopyPictures, copyStatement } from './copies/section.ts';

// Attention, and the objects it covers

export {
  type Attended,
  type AttendOptions,
  attend,
  clearestHead,
  patchAt,
  patchColors,
  patchSimilarity,
} from './attention/attend.ts';
export { type AttendFacts, attendStatement, type MaskAreas, maskAreas } from './attention/attend-section.ts';
export {
  classTokenMaps,
  enlargeMap,
  enlargeMask,
  maskLikeView,
  meanHead,
  type PatchGrid,
  type PatchView,
  patchView,
} from './attention/attention-maps.ts';
export {
  attentionMask,
  attentionMasks,
  bestHeadJaccard,
  jaccard,
  jaccardTable,
  type ObjectScores,
  objectScores,
} from './attention/attention-masks.ts';
export { boundingBox, boxIou, corLoc, isLocalized, largestComponent } from './attention/localization.ts';
export {
  type ImageMaskScores,
  type MaskCompared,
  type MaskReport,
  type MaskReportOptions,
  type MaskSummary,
  maskReport,
} from './attention/mask-report.ts';
export { type MaskFacts, maskStatement } from './attention/mask-section.ts';
export { maskTiles } from './attention/mask-tiles.ts';

// Videos

export { type Clip, type ClipsOptions, type ClipsReport, clipsReport } from './video/clips-report.ts';
export {
  boundaryF,
  type ObjectMeasures,
  objectMeasures,
  type SequenceStatistics,
  sequenceStatistics,
  type VideoScores,
  videoScores,
} from './video/davis-measures.ts';
export {
  type FrameTokens,
  type PropagatedFrame,
  type PropagationOptions,
  propagateLabels,
} from './video/label-propagation.ts';
export { videoStatement } from './video/section.ts';
export { videoFrame, videoFrameSize, videoStatistics } from './video/video-frames.ts';
export {
  type MaskMaker,
  type ObjectScore,
  type SegmentedFrame,
  type SequenceScores,
  segmentVideo,
  type VideoOptions,
} from './video/video-report.ts';
export { type VideoSummary, videoSummary } from './video/video-summary.ts';

// Maps

export {
  type FeatureMapOptions,
  type FeatureMaps,
  featureMaps,
  type MapMethod,
  type MappedNetwork,
  mapAccuracy,
  type PlaneMap,
} from './map/feature-map.ts';
export { type MapFacts, mapPage, mapStatement } from './map/section.ts';
export { type TsneMap, type TsneOptions, tsne, usablePerplexity } from './map/tsne.ts';

// What an evaluation says, and all of them by name

export { type EvaluationName, evaluationNames } from './names.ts';
export type { FeatureFacts, Statement } from './statement.ts';
