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
  gatherAcross,
  gemm,
  l2Normalize,
  log,
  mean,
  reshape,
  scalar,
  scale,
  shift,
  slice,
  square,
  sub,
  sum,
  sumAcross,
  type Tensor,
  where,
} from '../graph/index.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import { type SimclrHeadConfig, simclrHead } from '../model/batch-norm-head.ts';
import { type Across, partOf, rowsAmongAll, wholeBatch } from './across.ts';
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
    coupling: { cause: "the images of a step are each other's negatives", single, acrossRanks: true },
    stateShapes: {},
    sampleInputs: {},
    scalars: [],
    ...simclrHealth,
    isLastLayer: () => false,
    objective: (inputs) => objective(inputs, config),
  };
}

/** @throws OptionError for a batch of one image */
function objective({ student, crops, batch, across }: ObjectiveInputs, config: SimclrConfig): Objective {
  checkSingle(batch, single);
  const h = imageFeature(student.at('backbone'), crops(0), config.backbone, 'train'); // [2N, D]
  const z = simclrHead(student.at('projection_head'), h, config.head, 'train'); // [2N, outDim]
  const loss = ntXent(z, config.temperature, across);
  return {
    loss,
    sums: {},
    nextState: () => ({}),
    measures: {
      [GUESSING]: scale(loss, 1 / Math.log(2 * batch - 1)),
      [ALIGNMENT]: alignment(z, across),
      [UNIFORMITY]: uniformity(z, across),
    },
  };
}

/**
 * NT-Xent, the normalized temperature-scaled cross entropy (equation 1): among all other views of the batch, the view of the same image
 * is to be the most similar one. A mean over all rows; ln(2N - 1) is guessing.
 *
 * @param z projections of both views of this process' images, view after view: [2N, D]
 * @returns its part, which is all of it where it has the whole batch
 */
export function ntXent(z: Tensor, temperature: number, across: Across = wholeBatch): Tensor {
  const [u, rows] = [l2Normalize(z), z.dim(0)];
  const s = scale(gemm(u, gatherAcross(u, across.ranks), { transB: true }), 1 / temperature); // [2N, 2N of all]
  const others = where(isSelf(rows, across), scalar(-1e9), s); // no view is compared with itself
  return scale(crossEntropy(others, cast(isPartner(rows, across), 'f32')), 1 / (rows * across.ranks));
}

/** Of all pairs of a row and one of all processes' rows, which are the two views of one image: booleans [rows, ranks * rows] */
function isPartner(rows: number, across: Across): Tensor {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const partners = numbers(rows).map((i) => (i + rows / 2) % rows);
  const all = rows * across.ranks;
  return equal(rowsAmongAll(partners, across), constant(numbers(all), [1, all]));
}

/** The mean squared distance of normalized projections of one image (Wang and Isola 2020), as `ntXent`: [2N, D] -> [] */
export function alignment(z: Tensor, { ranks }: Across = wholeBatch): Tensor {
  const [u, n] = [l2Normalize(z), z.dim(0) / 2];
  return scale(sum(square(sub(slice(u, 0, 0, n), slice(u, 0, n, 2 * n)))), 1 / (n * ranks));
}

/**
 * ln of the mean of exp(-2 d^2) over the distances d of normalized projections of different images (Wang and Isola 2020), in each view:
 * 0 where all are one, towards -4 where they are spread all around. As `ntXent`: [2N, D] -> []
 */
export function uniformity(z: Tensor, across: Across = wholeBatch): Tensor {
  const { ranks } = across;
  const [u, n] = [l2Normalize(z), z.dim(0) / 2];
  const batch = n * ranks;
  const views = reshape(gatherAcross(u, ranks), [ranks, 2, n, -1]);
  const kernels = [0, 1].map((view) => {
    const others =
      ranks === 1
        ? slice(u, 0, view * n, (view + 1) * n)
        : reshape(slice(views, 1, view, view + 1), [batch, -1]);
    const cosines = gemm(slice(u, 0, view * n, (view + 1) * n), others, { transB: true });
    const all = exp(shift(scale(cosines, 4), -4)); // d^2 = 2 - 2 cos
    const own = sum(where(isSelf(n, across), scalar(0), all), { axes: [0, 1], keep: true });
    return scale(own, 1 / (batch * (batch - 1)));
  });
  return partOf(log(mean(sumAcross(concat(kernels, 0), ranks))), across);
}
