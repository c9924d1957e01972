/** What follows the backward pass, alone: clip every gradient, AdamW, teacher. */
import { sizeOf } from '../../src/graph/index.ts';
import { Random } from '../../src/random/random.ts';
import { makeTrainer, settings, sizeNamed } from './network.ts';
import { serve } from './protocol.ts';

await serve(async ({ model = 's', threads }) => {
  const size = sizeNamed(model);
  const trainer = await makeTrainer(size, Number(threads ?? 2), size.batch);
  const random = new Random(2, 'bench gradients');
  for (const gradient of trainer.updater.gradients.values()) {
    gradient.write(
      Float32Array.from({ length: sizeOf(gradient.shape) }, () => 1e-4 * (2 * random.uniform() - 1)),
    );
  }
  return async () => trainer.applyUpdate(settings);
});
