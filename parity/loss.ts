/** Fixture loss: DINOLoss on given logits, over several epochs that hand on the center. */
import { z } from 'zod';
import { evaluate } from '../src/engine/arrays.ts';

import { ortNode } from '../src/engine/ort-node.ts';
import { gradients, input } from '../src/graph/index.ts';
import { selfDistillation } from '../src/method/dino.ts';
import { warmupSchedule } from '../src/optim/schedules.ts';
import { ALLOWANCE, type Comparison, UNMEASURED } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { distancesSchema, measuredTolerance } from './settings.ts';

const caseSchema = z.object({
  out_dim: z.number(),
  batch: z.number(),
  ncrops: z.number(),
  warmup_teacher_temp: z.number(),
  teacher_temp: z.number(),
  warmup_teacher_temp_epochs: z.number(),
  nepochs: z.number(),
  epochs: z.array(z.number()),
  student_temp: z.number(),
  center_momentum: z.number(),
});
const schema = z.object({
  cases: z.record(z.string(), caseSchema),
  f32_vs_f64: distancesSchema.optional(),
});

export async function loss(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  const tolerance = (quantity: string): number =>
    measuredTolerance(config.f32_vs_f64, quantity) ?? UNMEASURED;
  for (const [name, settings] of Object.entries(config.cases)) {
    const temperatures = warmupSchedule({
      start: settings.warmup_teacher_temp,
      base: settings.teacher_temp,
      warmup: settings.warmup_teacher_temp_epochs,
      count: settings.nepochs,
    });
    comparison.exact('teacher temperatures', name, temperatures, fixture.numbers(`${name}/temp_schedule`));
    const program = await ortNode.load(lossGraph(settings));
    let center = fixture.floats(`${name}/center_init`);
    for (const epoch of settings.epochs) {
      const prefix = `${name}/epoch${epoch}`;
      const temperature = temperatures[epoch];
      if (temperature === undefined)
        throw new FixtureError(`epoch ${epoch} of the case "${name}" is past its end.`);
      comparison.exact(
        'teacher temperatures',
        prefix,
        [temperature],
        fixture.numbers(`${prefix}/teacher_temp`),
      );
      const centerTolerance = tolerance('center_after');
      comparison.tensor(
        'center',
        `${prefix}, before`,
        center,
        fixture.numbers(`${prefix}/center_before`),
        centerTolerance,
      );
      const got = await evaluate(program, {
        student: fixture.floats(`${prefix}/student`),
        teacher: fixture.floats(`${prefix}/teacher`),
        center,
        teacherTemp: Float32Array.of(temperature),
      });
      for (const [suffix, label, slack] of [
        ['', '', (ALLOWANCE + 1) / ALLOWANCE],
        ['64', ' (float64)', 1],
      ] as const) {
        const pairs = [
          ['loss', 'loss', got.loss],
          ['grad_student', 'gradient of the student logits', got.gradient],
          ['center_after', 'center', got.center],
        ] as const;
        for (const [stored, quantity, values] of pairs) {
          if (!fixture.has(`${prefix}/${stored}${suffix}`)) continue;
          const wanted = fixture.numbers(`${prefix}/${stored}${suffix}`);
          comparison.tensor(`${quantity}${label}`, prefix, values ?? [], wanted, slack * tolerance(stored));
        }
      }
      center = got.center ?? center;
    }
    await program.dispose();
  }
}

function lossGraph(settings: z.infer<typeof caseSchema>) {
  const { batch, ncrops, out_dim: outDim } = settings;
  const student = input('student', [ncrops * batch, outDim]);
  const teacher = input('teacher', [2 * batch, outDim]);
  const objective = selfDistillation(
    teacher,
    student,
    {
      images: batch,
      batch,
      scalar: (scalarName) => input(scalarName, []),
      state: (stateName) => input(stateName, [1, outDim]),
    },
    {
      viewSizes: Array.from({ length: ncrops }, () => 0), // sizes play no part once there are logits
      studentTemp: settings.student_temp,
      centerMomentum: settings.center_momentum,
    },
  );
  const total = (sumName: string) => {
    const tensor = objective.sums[sumName];
    if (tensor === undefined) throw new Error(`the objective has no sum "${sumName}"`);
    return tensor;
  };
  const [gradient] = gradients(objective.loss, [student]);
  const center = objective.nextState(total).center;
  if (gradient === undefined || center === undefined)
    throw new Error('the objective has no gradient or center');
  return { loss: objective.loss, gradient, center };
}
