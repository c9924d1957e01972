/**
 * A method of one's own: VICReg (Bardes et al. 2022), which the library does not have. Two views of an image agree (invariance),
 * every dimension varies over the batch (variance), and no two of them say the same (covariance). It gets what every method has:
 * recipe, loop, checkpoint, doctor and report. Run it with `npx tsx examples/own-method.ts [folder of the run]`.
 */
import {
  addMethod,
  batchNormLayer,
  defineMethod,
  dense,
  groupViews,
  imageFeature,
  type Method,
  type Objective,
  type ObjectiveInputs,
  prepare,
  type Setup,
  scenesSource,
} from 'dino-ts';
import * as g from 'dino-ts/graph';
import { newSession, nodeMachine, RunFolder, runSession, writeRunReport } from 'dino-ts/node';
import { z } from 'zod';

const options = z.object({
  expanderDim: z.number().int().min(2).describe('width of the expander and of the embeddings'),
  covarianceWeight: z
    .number()
    .min(0)
    .describe('weight of the covariance term; invariance and variance have 25'),
});
type Options = z.infer<typeof options>;

function vicreg({ expanderDim, covarianceWeight }: Options, { backbone, viewSizes }: Setup): Method {
  const embed = (scope: g.Scope, images: g.Tensor): g.Tensor => {
    const feature = imageFeature(scope.at('backbone'), images, backbone, 'train');
    const hidden = batchNormLayer(scope.at('norm'), dense(scope.at('expand'), feature, expanderDim), 'train');
    return dense(scope.at('embed'), g.relu(hidden), expanderDim);
  };
  const objective = ({ student, crops, images: n }: ObjectiveInputs): Objective => {
    const both = embed(student, crops(0)); // [2n, D], view after view
    const views = [g.slice(both, 0, 0, n), g.slice(both, 0, n, 2 * n)] as const;
    const invariance = g.mean(g.square(g.sub(...views)));
    const centered = views.map((view) => g.sub(view, g.mean(view, { axes: [0], keep: true })));
    const deviations = centered.map((x) =>
      g.sqrt(g.shift(g.scale(g.sumOfSquares(x, { axes: [0] }), 1 / (n - 1)), 1e-4)),
    );
    const variance = g.add(
      ...pair(deviations.map((d) => g.scale(g.mean(g.relu(g.sub(g.scalar(1), d))), 0.5))),
    );
    const covariance = g.add(...pair(centered.map((x) => g.scale(offDiagonal(x, n), 1 / expanderDim))));
    const loss = g.add(g.scale(g.add(invariance, variance), 25), g.scale(covariance, covarianceWeight));
    return { loss, sums: {}, nextState: () => ({}), measures: { invariance, variance, covariance } };
  };
  return {
    name: 'vicreg',
    views: groupViews(viewSizes),
    coupling: { cause: 'variance and covariance are those of a batch' },
    stateShapes: {},
    sampleInputs: {},
    scalars: [],
    loss: { caption: 'The three terms together. Where all embeddings are one point it is 25.' },
    measures: [
      {
        key: 'invariance',
        name: 'invariance',
        title: 'Invariance',
        caption: 'Mean squared distance of two views of an image.',
      },
      {
        key: 'variance',
        name: 'variance',
        title: 'Variance',
        caption: 'How far deviations lie below 1: 1 is collapse, 0 is none.',
      },
      {
        key: 'covariance',
        name: 'covariance',
        title: 'Covariance',
        caption: 'How much dimensions repeat each other.',
      },
    ],
    hints: { alike: 'raise --batch_size_per_gpu' },
    examine: ({ measures: { variance = 0 } }) =>
      variance > 0.9
        ? {
            severity: 'warning',
            title: 'Collapse',
            detail: `The variance term is ${variance.toFixed(3)} of 1.`,
          }
        : {
            severity: 'ok',
            title: 'No collapse',
            detail: `The variance term is ${variance.toFixed(3)} (1 is collapse).`,
          },
    isLastLayer: () => false,
    objective,
  };
}

const pair = ([a = g.scalar(0), b = g.scalar(0)]: readonly g.Tensor[]): [g.Tensor, g.Tensor] => [a, b];

/** Sum of squares of the covariances of different dimensions: |X X'|^2 has them all, in a matrix of the batch. */
function offDiagonal(x: g.Tensor, n: number): g.Tensor {
  const all = g.sumOfSquares(g.gemm(x, x, { transB: true }));
  const own = g.sumOfSquares(g.sumOfSquares(x, { axes: [0] }));
  return g.scale(g.sub(all, own), 1 / (n - 1) ** 2);
}

addMethod(
  defineMethod({
    name: 'vicreg',
    label: 'VICReg',
    paper: 'Bardes et al. 2022',
    about: 'two views agree, while dimensions vary over the batch and do not repeat each other',
    groups: [{ title: 'VICReg', fields: options.shape }],
    meaningless: ['localCropsNumber', 'localCropsSize', 'localCropsScale'],
    shaping: ['expanderDim'],
    stored: options,
    suggest: () => ({
      expanderDim: [256, 'a small network has few directions to expand'],
      covarianceWeight: [1, 'as in the paper'],
      lr: [0.003, 'as high as it stays stable'],
      localCropsNumber: [0, 'two views of equal size'],
    }),
    make: vicreg,
    describe: ({ expanderDim }) => `expander of ${expanderDim}`,
  }),
);

const [output = `runs/vicreg-${Date.now()}`] = process.argv.slice(2);
const source = scenesSource({ count: 500, seed: 1, size: 32 });
const folder = RunFolder.create(output);
const prepared = await prepare({
  source,
  options: { method: 'vicreg', steps: 100, batchSizePerGpu: 64, widths: [16, 32], evalEvery: 50, seed: 0 },
  ...nodeMachine,
});
const session = await newSession(prepared, {
  source,
  folder,
  ...nodeMachine,
  command: 'examples/own-method.ts',
});
for await (const event of runSession(session)) {
  if (event.type === 'step' && event.step % 20 === 0)
    console.log(
      `step ${event.step}  loss ${event.loss.toFixed(3)}  variance ${event.measures.variance?.toFixed(3)}`,
    );
  if (event.type === 'observed')
    console.log(`20-NN ${event.observation.knn?.toFixed(1)} % after step ${event.observation.step}`);
}
await writeRunReport(folder, nodeMachine);
console.log(`Its curves: ${folder.file('report.html')}`);
await prepared.trainer.dispose();
