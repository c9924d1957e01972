/** dinov2_dino_loss, dinov2_ibot_loss and dinov2_koleo: the three losses on given logits and features. */
import { z } from 'zod';
import type { Values } from '../src/engine/values.ts';
import { add, cast, exp, gradients, input } from '../src/graph/index.ts';
import { dinov2DinoLoss, otherViewFirst } from '../src/method/dinov2-dino-loss.ts';
import { type Centering, centerSums, logTargets, nextCenter } from '../src/method/dinov2-targets.ts';
import { hiddenPatches } from '../src/method/hidden-patches.ts';
import { ibotLoss } from '../src/method/ibot-loss.ts';
import { koleo } from '../src/method/koleo.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { run } from './network.ts';
import { flatDistancesSchema, toleranceOf } from './settings.ts';

/** Center and Sinkhorn-Knopp of one and of three rounds at each temperature, and the center of the next step. */
export async function dinov2DinoLosses(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    z.object({
      batch: z.number(),
      local: z.number(),
      student_temp: z.number(),
      center_momentum: z.number(),
      teacher_temps: z.array(z.number()),
      iterations: z.array(z.number()),
      f32_vs_f64: flatDistancesSchema,
    }),
  );
  const tolerance = (quantity: string): number => toleranceOf(config.f32_vs_f64, quantity);
  const [teacher, later, global, local, center] = [
    input('teacher', fixture.shape('teacher@1')),
    input('later', fixture.shape('teacher@2')),
    input('global', fixture.shape('student_global')),
    input('local', fixture.shape('student_local')),
    input('center', fixture.shape('center')),
  ];
  const next = nextCenter(center, centerSums(teacher), config.center_momentum);
  const kinds: readonly (readonly [string, Centering])[] = [
    ['center', { kind: 'center', center }],
    ...config.iterations.map((rounds) => [`sinkhorn${rounds}`, { kind: 'sinkhorn', rounds }] as const),
  ];
  for (const temp of config.teacher_temps) {
    const values = new Map<string, Values>([
      ['teacher', fixture.floats('teacher@1')],
      ['later', fixture.floats('teacher@2')],
      ['global', fixture.floats('student_global')],
      ['local', fixture.floats('student_local')],
      ['center', fixture.floats('center')],
      ['temp', Float32Array.of(temp)],
    ]);
    const second = exp(
      logTargets(otherViewFirst(later), input('temp', []), { kind: 'center', center: next }),
    );
    const after = await run({ next, second }, values);
    comparison.twins(
      'next center',
      `${temp}`,
      after.next ?? [],
      fixture,
      'center_next',
      tolerance('center_next'),
    );
    const name = `prob/center_second_step/${temp}`;
    comparison.twins("teacher's distributions", name, after.second ?? [], fixture, name, tolerance('prob'));
    for (const [kind, centering] of kinds) {
      const targets = exp(logTargets(otherViewFirst(teacher), input('temp', []), centering));
      const parts = dinov2DinoLoss(targets, global, local, {
        batch: config.batch,
        localViews: config.local,
        studentTemp: config.student_temp,
      });
      const loss = add(parts.global, parts.local ?? parts.global);
      const [gradGlobal = loss, gradLocal = loss] = gradients(loss, [global, local]);
      const got = await run(
        {
          prob: targets,
          loss,
          grad_global: gradGlobal,
          grad_local: gradLocal,
          global: parts.global,
          local: parts.local ?? loss,
        },
        values,
      );
      const at = `${kind}/${temp}`;
      for (const quantity of ['prob', 'loss', 'grad_global', 'grad_local'])
        comparison.twins(
          quantity,
          at,
          got[quantity] ?? [],
          fixture,
          `${quantity}/${at}`,
          tolerance(quantity),
        );
      // The parts are those of the whole: sums of pairs by their number.
      const pairs = 2 + 2 * config.local;
      const times = (values: Float32Array | undefined, factor: number): number[] => [
        (values?.[0] ?? 0) * factor,
      ];
      comparison.twins(
        'sum of local pairs',
        at,
        times(got.local, pairs),
        fixture,
        `loss_local_sum/${at}`,
        tolerance('loss_local_sum'),
      );
      comparison.twins(
        'mean of global pairs',
        at,
        times(got.global, pairs / 2),
        fixture,
        `loss_global_mean/${at}`,
        tolerance('loss_global_mean'),
      );
    }
  }
}

/** Once with the list as it is, once filled up: what fills up must change nothing. */
export async function ibotLosses(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    z.object({
      K: z.number(),
      batch: z.number(),
      N: z.number(),
      student_temp: z.number(),
      center_momentum: z.number(),
      teacher_temp: z.number(),
      f32_vs_f64: flatDistancesSchema,
    }),
  );
  const tolerance = (quantity: string): number => toleranceOf(config.f32_vs_f64, quantity);
  const indices = [...fixture.numbers('mask_indices')];
  const outDim = config.K;
  for (const filling of [0, 5]) {
    const rows = indices.length + filling;
    const list = BigInt64Array.from(
      [...indices, ...new Array<number>(filling).fill(config.batch * config.N)],
      BigInt,
    );
    const hidden = hiddenPatches(input('list', [rows], 'i64'), config.batch, config.N);
    const student = input('student', fixture.shape('student'));
    const logits = hidden.of(input('teacher', fixture.shape('teacher')));
    const center = input('center', [1, outDim]);
    const next = nextCenter(center, centerSums(logits, hidden.counts), config.center_momentum);
    const values = new Map<string, Values>([
      ['list', list],
      ['student', fixture.floats('student')],
      ['teacher', fixture.floats('teacher')],
      ['center', fixture.floats('center')],
      ['temp', Float32Array.of(config.teacher_temp)],
    ]);
    const label = filling === 0 ? '' : `, filled up by ${filling}`;
    const got = await run({ next, weights: hidden.weights }, values);
    const taken = (all: Float32Array | undefined, width: number): Float32Array =>
      (all ?? new Float32Array()).subarray(0, indices.length * width);
    comparison.twins(
      `weights${label}`,
      'weights',
      taken(got.weights, 1),
      fixture,
      'masks_weight',
      tolerance('masks_weight'),
    );
    comparison.twins(
      `next center${label}`,
      'center',
      got.next ?? [],
      fixture,
      'center_next',
      tolerance('center_next'),
    );
    for (const [kind, centering] of [
      ['center', { kind: 'center', center }],
      ['sinkhorn', { kind: 'sinkhorn' }],
    ] as const) {
      const targets = exp(logTargets(logits, input('temp', []), centering, hidden.counts));
      const loss = ibotLoss(targets, hidden.of(student), hidden.weights, {
        views: config.batch,
        studentTemp: config.student_temp,
      });
      const [gradient = loss] = gradients(loss, [student]);
      const found = await run({ prob: targets, loss, grad_student: gradient }, values);
      comparison.twins(
        `prob${label}`,
        kind,
        taken(found.prob, outDim),
        fixture,
        `prob/${kind}`,
        tolerance('prob'),
      );
      for (const quantity of ['loss', 'grad_student'])
        comparison.twins(
          `${quantity}${label}`,
          kind,
          found[quantity] ?? [],
          fixture,
          `${quantity}/${kind}`,
          tolerance(quantity),
        );
    }
  }
  const masks = input('list', [indices.length], 'i64');
  const found = await run(
    { masks: cast(hiddenPatches(masks, config.batch, config.N).masks, 'f32') },
    new Map([['list', BigInt64Array.from(indices, BigInt)]]),
  );
  comparison.identical('masks', 'masks', found.masks ?? [], fixture.numbers('masks'));
}

/** Value, neighbors and gradients; of two equal rows the value alone. */
export async function koleoLoss(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    z.object({ cases: z.record(z.string(), z.array(z.number())), f32_vs_f64: flatDistancesSchema }),
  );
  for (const name of Object.keys(config.cases)) {
    const x = input('x', fixture.shape(`x/${name}`));
    const { loss, nearest } = koleo(x);
    const [grad = loss] = gradients(loss, [x]);
    const values = new Map([['x', fixture.floats(`x/${name}`)]]);
    const got = await run({ loss, grad }, values);
    for (const quantity of ['loss', 'grad'])
      if (fixture.has(`${quantity}/${name}`))
        comparison.twins(
          quantity,
          name,
          got[quantity] ?? [],
          fixture,
          `${quantity}/${name}`,
          toleranceOf(config.f32_vs_f64, quantity),
        );
    if (!fixture.has(`nearest/${name}`)) continue;
    const { positions = [] } = await run({ positions: cast(nearest, 'f32') }, values);
    comparison.identical('nearest', name, positions, fixture.numbers(`nearest/${name}`));
  }
}
