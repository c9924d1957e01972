/** Options that say what computes, of trainings and of evaluations. */
import { z } from 'zod';

export const deviceFields = {
  device: z
    .enum(['auto', 'cpu', 'xla', 'webgpu'])
    .describe(
      'what computes: cpu; xla, a GPU or TPU by its XLA plugin; webgpu, any GPU by the driver that it has; auto takes xla where there is such a device with its plugin, else cpu, and unless given (dino devices lists them)',
    ),
  pjrtPlugin: z
    .string()
    .min(1)
    .describe('the XLA plugin: its name (cuda13, tpu, cpu) or its file; the one that is found unless given')
    .meta({ value: 'plugin' }),
  devices: z
    .number()
    .int()
    .min(1)
    .describe(
      'how many XLA devices of this machine share every step out, each with --batch_size_per_gpu images; all of them in a training unless given',
    ),
  precision: z
    .enum(['f32', 'tf32', 'bf16'])
    .describe(
      'what an XLA device multiplies with; sums, losses and weights are float32 in any case; f32 unless given',
    ),
  compileCache: z
    .string()
    .min(1)
    .describe(
      "folder in which programs that XLA compiled are kept for the next time, or none; one in the user's cache unless given",
    )
    .meta({ value: 'folder' }),
};

const choice = z.object(deviceFields).partial();

export type DeviceChoice = z.infer<typeof choice>;
