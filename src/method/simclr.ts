/**
 * SimCLR (Chen et al. 2020, Algorithm 1): of all views of a batch each one has to find the other view of its image. There is no
 * teacher; both views pass together, so that the batch statistics of the head are those of all of them.
 */
import {
  cast,
  concat,
  constant,
  crossEntropy,
  equal,
  exp,
  gemm,
  l2Normalize,
  log,
  mean,
  scalar,
  scale,
  shift,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  where,
} from '../graph/index.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import { type SimclrHeadConfig, simclrHead } from '../model/batch-norm-head.ts';
import { checkSingle } from './batch-size.ts';
import { isSelf } from './is-self.ts';
import type { Method, Objective, ObjectiveInputs } from './method.ts';
import { ALIGNMENT, GUESSING, simclrHealth, UNIFORMITY } from './simclr-health.ts';

export interface SimclrConfig {
  readonly backbone: BackboneConfig;
  /** Side of both views in pixels. */
  readonly size: number;
  readonly head: SimclrHeadConfig;
  /** Of the softmax over the other views: 0.1 for ImageNet, 0.5 for CIFAR-10. */
  readonly temperature: number;
}

const single = { cause: 'SimCLR tells the images of a batch apart, and there is one' };

export function simclr(config: SimclrConfig): Method {
  return {
    name: 'simclr',
    views: [{ size: config.size, count: 2 }],
    coupling: { cause: "the images of a step are each other's negatives", single },
    stateShapes: {},
    sampleInputs: {},
    scalars: [],
    ...simclrHealth,
    isLastLayer: () => false,
    objective: (inputs) => objective(inputs, config),
  };
}

/** @throws OptionError for a batch of one image */
function objective({ student, crops, batch }: ObjectiveInputs, config: SimclrConfig): Objective {
  checkSingle(batch, single);
  const h = imageFeature(student.at('backbone'), crops(0), config.backbone, 'train'); // [2N, D]
  const z = simclrHead(student.at('projection_head'), h, config.head, 'train'); // [2N, outDim]
  const loss = ntXent(z, config.temperature);
  return {
    loss,
    sums: {},
    nextState: () => ({}),
    measures: {
      [GUESSING]: scale(loss, 1 / Math.log(2 * batch - 1)),
      [ALIGNMENT]: alignment(z),
      [UNIFORMITY]: uniformity(z),
    },
  };
}

/**
 * NT-Xent, the normalized temperature-scaled cross entropy (equation 1): among all other views of the batch, the view of the same image
 * is to be the most similar one. A mean over all rows; ln(2N - 1) is guessing.
 *
 * @param z projections of both views, view after view: [2N, D]
 */
export function ntXent(z: Tensor, temperature: number): Tensor {
  const u = l2Normalize(z);
  const s = scale(gemm(u, u, { transB: true }), 1 / temperature); // [2N, 2N]
  const others = where(isSelf(z.dim(0)), scalar(-1e9), s); // no view is compared with itself
  return scale(crossEntropy(others, cast(isPartner(z.dim(0)), 'f32')), 1 / z.dim(0));
}

/** Of all pairs of rows, which are the two views of one image: booleans [rows, rows] */
function isPartner(rows: number): Tensor {
  const number = Array.from({ length: rows }, (_, i) => i);
  const partners = number.map((i) => (i + rows / 2) % rows);
  return equal(constant(partners, [rows, 1]), constant(number, [1, rows]));
}

/** The mean squared distance of normalized projections of one image (Wang and Isola 2020): [2N, D] -> [] */
export function alignment(z: Tensor): Tensor {
  const [u, n] = [l2Normalize(z), z.dim(0) / 2];
  return scale(sum(square(sub(slice(u, 0, 0, n), slice(u, 0, n, 2 * n)))), 1 / n);
}

/**
 * ln of the mean of exp(-2 d^2) over the distances d of normalized projections of different images (Wang and Isola 2020), in each view:
 * 0 where all are one, towards -4 where they are spread all around. [2N, D] -> []
 */
export function uniformity(z: Tensor): Tensor {
  const [u, n] = [l2Normalize(z), z.dim(0) / 2];
  const kernels = [slice(u, 0, 0, n), slice(u, 0, n, 2 * n)].map((view) => {
    const cosines = gemm(view, view, { transB: true });
    const all = exp(shift(scale(cosines, 4), -4)); // d^2 = 2 - 2 cos
    return scale(sum(where(isSelf(n), scalar(0), all), { axes: [0, 1], keep: true }), 1 / (n * (n - 1)));
  });
  return log(mean(concat(kernels, 0)));
}
