/** The methods of the table `methods` as the library has them. */
import type { Values } from '../../src/engine/values.ts';
import { byol } from '../../src/method/byol.ts';
import { dino } from '../../src/method/dino.ts';
import { dinov2 } from '../../src/method/dinov2.ts';
import { distill } from '../../src/method/distill.ts';
import { mae } from '../../src/method/mae.ts';
import type { Method } from '../../src/method/method.ts';
import { simclr } from '../../src/method/simclr.ts';
import type { BackboneConfig } from '../../src/model/backbone.ts';
import { resnetConfig } from '../../src/model/resnet.ts';
import { Random } from '../../src/random/random.ts';
import type { MethodWork } from '../methods.ts';
import type { VitSize } from '../sizes.ts';

type Vit = Extract<BackboneConfig, { kind: 'vit' }>;

export function vitOf({ patch, ...shape }: VitSize, image: number): Vit {
  return { ...shape, patchSize: patch, imageSize: image, channels: 3, mlpRatio: 4 };
}

export function methodOf(work: MethodWork): Method {
  const { network, image } = work;
  const backbone = network.kind === 'vit' ? vitOf(network, image) : resnetConfig('resnet50');
  switch (work.method) {
    case 'byol':
      return byol({
        backbone,
        viewSizes: [image, image],
        head: { hiddenDim: work.hidden, outDim: work.outputs },
      });
    case 'simclr': {
      const head = { hiddenDim: work.hidden, outDim: work.outputs, layers: 2, batchNorm: true };
      return simclr({ backbone, size: image, head, temperature: work.temperature });
    }
    case 'mae':
      return mae({ backbone, maskRatio: work.maskRatio, normPixLoss: true, decoder: work.decoder });
    case 'distill':
      return distill({
        backbone,
        teacher: vitOf(work.teacher, image),
        size: image,
        patchWeight: 0,
        dropPathRate: 0,
      });
    case 'dino':
      return dino({
        backbone,
        head: { ...prototypeHead(work), normLastLayer: true },
        viewSizes: [image, image],
        ...{ studentTemp: 0.1, centering: 'center', centerMomentum: 0.9, dropPathRate: 0 },
      });
    case 'dinov2':
      if (backbone.kind !== 'vit') throw new Error('DINOv2 is measured with a ViT.');
      return dinov2({
        backbone: {
          ...backbone,
          maskToken: true,
          layerScale: true,
          layerScaleInit: 0.1,
          registers: work.registers,
        },
        head: { ...prototypeHead(work), normLastLayer: false },
        viewSizes: [image, image, ...new Array<number>(work.locals).fill(work.local)],
        ibot: { lossWeight: 1, masks: { probability: 0.5, ratio: [0.1, 0.5] } },
        ...{ dinoLossWeight: 1, koleoLossWeight: 0.1, centering: 'sinkhorn' },
        ...{ studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0 },
        ...{ layerwiseDecay: 1, patchEmbedLrFactor: 1 },
      });
  }
}

type Prototypes = Extract<MethodWork, { method: 'dino' | 'dinov2' }>;

function prototypeHead({ outputs, hidden, bottleneck }: Prototypes) {
  return { outDim: outputs, hiddenDim: hidden, bottleneckDim: bottleneck, layers: 3, useBn: false };
}

export const SEED = 0;

/** What is hidden in step 0, as the trainer draws it: the peer gets these numbers ready made. */
export function drawnSamples(method: Method, images: number): Record<string, number[]> {
  const numbers = (values: Values): number[] => Array.from(values as ArrayLike<number | bigint>, Number);
  return Object.fromEntries(
    Object.entries(method.sampleInputs).map(([name, sample]) => [
      name,
      numbers(sample.values({ start: 0, images, random: (i) => new Random(SEED, name, 0, i) })),
    ]),
  );
}
