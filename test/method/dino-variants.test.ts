/** What of DINO can be left out or exchanged (`dino ablate`), and the loss without centering. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { input } from '../../src/graph/index.ts';
import { dinoAugmentation } from '../../src/image/augment.ts';
import { selfDistillation } from '../../src/method/dino.ts';
import { dinoDefinition } from '../../src/method/dino-options.ts';
import { dinoVariants } from '../../src/method/dino-variants.ts';
import { definitions } from '../../src/method/registry.ts';
import { optionFields, parseOptions } from '../../src/train/config.ts';
import { isForeign } from '../../src/train/contradictions.ts';

describe('variants', () => {
  const all = definitions().flatMap(({ name: method, variants = [] }) =>
    variants.map((variant) => ({ method, ...variant })),
  );

  it.each(all)('$method $name gives options that there are, of values that they take', (variant) => {
    const { method, options } = variant;
    expect(Object.keys(options).length).toBeGreaterThan(0);
    for (const name of Object.keys(options)) {
      expect(optionFields()).toHaveProperty(name);
      expect(isForeign(name, { arch: 'hybrid', method })).toBe(false);
    }
    expect(parseOptions(options)).toEqual(options);
  });

  it('have names of their own, fit for folders', () => {
    const names = dinoVariants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(names).not.toContain('base');
  });

  it('hold the three runs of figure 7', () => {
    const shown = dinoVariants.flatMap(({ collapse = [] }) => collapse);
    expect(shown).toEqual(['both', 'no centering', 'no sharpening']);
  });
});

describe('centering none', () => {
  const [images, K] = [2, 3];
  const logits = {
    teacher: [0.2, -0.1, 0.4, 0.5, 0.1, -0.3, 0, 0.3, 0.1, -0.2, 0.6, 0.2],
    student: [0.1, 0.3, -0.2, 0.4, 0, 0.2, -0.1, 0.5, 0.3, 0.2, 0.1, -0.4],
  };
  const softmax = (row: readonly number[], temperature: number): number[] => {
    const powers = row.map((value) => Math.exp(value / temperature));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((value) => value / total);
  };
  const rowOf = (values: readonly number[], row: number): number[] => values.slice(row * K, (row + 1) * K);

  it('takes no center off, whatever it is by now', async () => {
    const { loss } = selfDistillation(
      input('teacher', [2 * images, K]),
      input('student', [2 * images, K]),
      {
        images,
        batch: images,
        scalar: (name) => input(name, []),
        state: (name) => input(name, [1, K]),
      },
      { viewSizes: [8, 8], studentTemp: 0.1, centering: 'none', centerMomentum: 0.9 },
    );
    const program = await ortNode.load({ loss });
    const found = await evaluate(program, {
      teacher: Float32Array.from(logits.teacher),
      student: Float32Array.from(logits.student),
      teacherTemp: Float32Array.of(0.04),
    });
    await program.dispose();
    // H(t, s) of every image: the teacher's first view against the student's second, and the other way around.
    let wanted = 0;
    for (let image = 0; image < images; image++) {
      for (const [t, s] of [
        [image, images + image],
        [images + image, image],
      ] as const) {
        const target = softmax(rowOf(logits.teacher, t), 0.04);
        const output = softmax(rowOf(logits.student, s), 0.1);
        for (let k = 0; k < K; k++) wanted -= (target[k] ?? 0) * Math.log(output[k] ?? 0);
      }
    }
    expect(found.loss?.[0]).toBeCloseTo(wanted / (2 * images), 4);
  });

  it('is named by the doctor before the first step', () => {
    const plan = { steps: 10, stepsPerEpoch: 5, batch: 64, crops: dinoAugmentation };
    const options = {
      ...Object.fromEntries(
        Object.entries(
          dinoDefinition.suggest({
            ...{ recipe: 'paper', images: 100, network: 'vit', local: 32, wholeBatch: true },
            ...{ batch: 64, steps: 10, warmup: 1 },
          }),
        ).map(([name, [value]]) => [name, value]),
      ),
      centering: 'none',
    };
    const found = dinoDefinition.examine(options, plan);
    expect(found.map(({ title }) => title)).toContain('Nothing keeps one prototype from winning');
  });
});
