/** A report with every section, small. Its names can be replaced by hostile ones. */
import { dinoHealth } from '../../../src/method/dino-health.ts';
import type { NeighborImage, Report } from '../../../src/report/model.ts';
import type { Picture } from '../../../src/report/picture.ts';

const health = dinoHealth(4096);

const picture: Picture = { mime: 'image/png', bytes: new Uint8Array([137, 80, 78, 71]), width: 2, height: 1 };

function neighbor(label: string, similarity: number, name = `${label}/1.png`): NeighborImage {
  return { picture, name, label, similarity };
}

export function sampleReport(name = 'horse'): Report {
  const steps = [0, 1, 2, 3];
  return {
    title: `A run on ${name}`,
    finishedAt: new Date('2026-03-04T05:06:07Z'),
    facts: [{ name: 'Images', value: `300 from ${name}` }],
    recipe: [{ name: 'out_dim', value: '4096', reason: `fits ${name}` }],
    commands: [`dino train --data ${name}`],
    accuracy: {
      trained: 0.612,
      untrained: 0.283,
      rawPixels: 0.241,
      pixelPca: 0.252,
      chance: 0.1,
      neighbors: 20,
      bankImages: 50000,
      testImages: 3925,
    },
    curves: {
      loss: { ...health.loss, steps, values: [8.3, 7, 6, 5] },
      measures: health.measures.map((measure, i) => ({
        ...measure,
        steps,
        values: i === 0 ? [8.3, 6, 4, 2] : [0, 1, 1, 0.9],
      })),
      knn: { steps, values: [0.28, 0.4, 0.5, 0.6] },
      others: [{ name: `Learning rate of ${name}`, steps, values: [0, 1e-4, 2e-4, 1e-4] }],
    },
    attention: {
      maskShare: 0.6,
      examples: [
        {
          name: `${name}.png`,
          label: name,
          input: picture,
          steps: [0, 12000],
          heads: [
            { name: 'head 1', maps: [picture, picture], mask: picture },
            { name: 'head 2', maps: [picture, picture] },
          ],
          others: [{ name: 'head 3', maps: [picture, picture] }],
        },
      ],
    },
    neighbors: {
      queries: [
        {
          query: neighbor(name, 1),
          trained: [neighbor(name, 0.9), neighbor('boat', 0.8)],
          untrained: [neighbor('boat', 0.9)],
        },
      ],
    },
    objectMasks: { classes: [{ name, trained: 0.41, untrained: 0.2, images: 12 }] },
    findings: [
      { severity: 'warning', title: `Few steps on ${name}`, detail: 'Only 4.', advice: 'Train longer.' },
    ],
    versions: [{ name: 'dino-ts', value: '0.1.0' }],
  };
}
