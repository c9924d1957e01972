/** Fixture multicrop: which views share a forward pass, and what the head gets and gives. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import { concat, input, mul, ParameterSet, scalar, type Tensor } from '../src/graph/index.ts';
import { type DinoConfig, studentLogits } from '../src/method/dino.ts';
import { groupViews } from '../src/method/method.ts';
import { imageFeature } from '../src/model/backbone.ts';
import type { Comparison } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { compareState, run } from './network.ts';
import { headConfig, headSchema, vitConfig, vitExtras, vitSchema } from './settings.ts';

const schema = vitExtras.extend({
  vit: vitSchema,
  head: headSchema,
  sequences: z.record(z.string(), z.array(z.number())),
  backbone_calls: z.record(z.string(), z.array(z.array(z.number()))),
});

export async function multicrop(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  const network = vitConfig(config.vit, config);
  for (const [name, viewSizes] of Object.entries(config.sequences)) {
    const images = fixture.dim(`${name}/crop0`, 0);
    const groups = groupViews(viewSizes);
    const shapes = groups.map(({ size, count }) => [count * images, network.channels, size, size]);
    const wanted = config.backbone_calls[name] ?? [];
    comparison.identical('shapes of backbone calls', name, shapes.map(String), wanted.map(String));

    const student = new ParameterSet();
    const crops = (group: number): Tensor => input(`crops/${group}`, shapes[group] ?? []);
    const dinoConfig: DinoConfig = {
      backbone: { kind: 'vit', ...network },
      head: headConfig(config.head),
      viewSizes,
      studentTemp: 1,
      centerMomentum: 0,
      dropPathRate: 0,
    };
    const unused = (what: string): never => {
      throw new FixtureError(`the student's logits asked for ${what}.`);
    };
    const out = studentLogits(
      {
        student: student.scope,
        crops,
        sample: unused,
      },
      dinoConfig,
    );
    compareState(comparison, student, fixture, 'state/');
    const features = groups.map((_, group) =>
      imageFeature(student.scope.at('backbone'), crops(group), dinoConfig.backbone, 'train'),
    );
    const values = new Map<string, Values>(fixture.group('state/'));
    let view = 0;
    groups.forEach(({ count }, group) => {
      const parts = Array.from({ length: count }, () => fixture.floats(`${name}/crop${view++}`));
      values.set(`crops/${group}`, Float32Array.from(parts.flatMap((part) => [...part])));
    });
    const got = await run({ out, features: mul(concat(features, 0), scalar(1)) }, values);
    comparison.tensor('features', name, got.features ?? [], fixture.numbers(`${name}/features`));
    comparison.tensor('logits', name, got.out ?? [], fixture.numbers(`${name}/out`));
  }
}
