/** One whole DINO step on fixed random crops: forward of both networks, backward, clipping, AdamW, teacher, center. */
import { makeTrainer, microBatchOf, randomCrops, settings, sizeNamed } from './network.ts';
import { serve } from './protocol.ts';

await serve(async ({ model, threads, microBatch }) => {
  const size = sizeNamed(model);
  const trainer = await makeTrainer(size, Number(threads ?? 2), Number(microBatch ?? microBatchOf(size)));
  const crops = randomCrops(size);
  return () => trainer.step(crops, settings);
});
