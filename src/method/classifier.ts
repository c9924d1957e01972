/**
 * Supervised classification in the shape of a method: one view of each image, a linear head on the image feature, and cross
 * entropy with smoothed labels (Szegedy et al. 2016). Fine-tuning trains it; there is no teacher.
 */
import { crossEntropy, type Scope, scale, type Tensor } from '../graph/index.ts';
import { type BackboneConfig, dropPathRates, imageFeature, usesBatchNorm } from '../model/backbone.ts';
import type { Mode } from '../model/batch-norm.ts';
import { dense } from '../model/layers.ts';
import { dropPathInput } from './drop-path-input.ts';
import type { Method, SampleInput } from './method.ts';

export interface ClassifierConfig {
  readonly backbone: BackboneConfig;
  readonly classes: number;
  /** Side of the views in pixels. */
  readonly size: number;
  /** Share of a label that is spread evenly over all classes. */
  readonly labelSmoothing: number;
  readonly dropPathRate: number;
  /** The class of image i of the step. */
  label(i: number): number;
}

/** Class scores: parameters `backbone.*`, `head.weight` and `head.bias`. [B, C, H, W] -> [B, classes] */
export function classLogits(
  scope: Scope,
  images: Tensor,
  { backbone, classes }: Pick<ClassifierConfig, 'backbone' | 'classes'>,
  mode: Mode,
  dropPath?: Tensor,
): Tensor {
  const feature = imageFeature(scope.at('backbone'), images, backbone, mode, dropPath);
  return dense(scope.at('head'), feature, classes);
}

export function classifier(config: ClassifierConfig): Method {
  const { backbone, classes, size, labelSmoothing, dropPathRate } = config;
  const rates = dropPathRates(backbone, dropPathRate);
  const target: SampleInput = {
    shape: (images) => [images, classes],
    values: ({ images, start }) => {
      const values = new Float32Array(images * classes).fill(labelSmoothing / classes);
      for (let i = 0; i < images; i++) values[i * classes + config.label(start + i)]! += 1 - labelSmoothing;
      return values;
    },
  };
  return {
    name: 'classifier',
    views: [{ size, count: 1 }],
    coupling: usesBatchNorm(backbone) ? { cause: 'batch norm in the backbone' } : undefined,
    stateShapes: {},
    sampleInputs: rates.length > 0 ? { target, dropPath: dropPathInput(rates, 1) } : { target },
    scalars: [],
    loss: {
      caption: 'It begins near ln C of C classes, which guessing gives.',
      references: [{ name: `ln ${classes} =`, value: Math.log(classes) }],
    },
    measures: [],
    hints: { alike: 'lower --lr' },
    examine: ({ loss }) => ({ severity: 'ok', title: 'Loss', detail: `The loss is ${loss.toFixed(3)}.` }),
    isLastLayer: (name) => name.startsWith('head.'),
    objective: ({ student, crops, sample, batch }) => {
      const drops = rates.length > 0 ? sample('dropPath') : undefined;
      const logits = classLogits(student, crops(0), config, 'train', drops);
      return {
        loss: scale(crossEntropy(logits, sample('target')), 1 / batch),
        sums: {},
        nextState: () => ({}),
        measures: {},
      };
    },
  };
}
