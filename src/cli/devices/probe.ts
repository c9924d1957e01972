/**
 * Tries a plugin in a process of its own: native code that ends its process, or never comes back, takes nothing else with it. The
 * process is `probe-main.ts`; what it finds it says in messages.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { FoundPlugin } from '../../engine/xla/find-plugin-node.ts';

/** All that the process is given. */
export const taskSchema = z.object({
  /** `WEBGPU`, or a plugin's. */
  name: z.string(),
  vendor: z.enum(['cpu', 'cuda', 'rocm', 'tpu', 'oneapi', 'metal']).optional(),
  file: z.string(),
  packages: z.string().optional(),
  /** Images, where a training step is to be timed. */
  source: z.string().optional(),
});

/** Stands for what is no plugin: the GPU that WebGPU finds. */
export const WEBGPU: FoundPlugin = { name: 'webgpu', vendor: undefined, file: '', packages: undefined };

const deviceSchema = z.object({
  id: z.number(),
  kind: z.string(),
  /** Bytes, where the plugin says. */
  memory: z.number().optional(),
});

const messageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('opened'),
    platform: z.string(),
    version: z.string(),
    devices: z.array(deviceSchema),
  }),
  z.object({ type: z.literal('rate'), precision: z.string(), gflops: z.number() }),
  z.object({ type: z.literal('step'), milliseconds: z.number() }),
  z.object({ type: z.literal('failed'), reason: z.string() }),
]);
export type ProbeMessage = z.infer<typeof messageSchema>;

/** What a plugin showed of itself before it ended. */
export interface Probed {
  readonly platform?: string;
  readonly version?: string;
  readonly devices: readonly z.infer<typeof deviceSchema>[];
  /** GFLOP/s by precision. */
  readonly rates: Readonly<Record<string, number>>;
  readonly stepMilliseconds?: number;
  /** Why it ended early, in one sentence. */
  readonly problem?: string;
}

export interface ProbeOptions {
  /** Images to time a training step with. */
  readonly source?: string | undefined;
  /** Milliseconds until it is given up. */
  readonly patience?: number;
  /** Told that it is open, and will be measured. */
  readonly onOpened?: () => void;
}

const isSource = import.meta.url.endsWith('.ts');
const entry = fileURLToPath(new URL(isSource ? './probe-main.ts' : './probe-main.js', import.meta.url));
const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));

/** CUDA opens in seconds, and compiles a product in some more; a training step takes minutes to compile. */
const PATIENCE = { products: 180_000, step: 1_800_000 } as const;

export async function probePlugin(found: FoundPlugin, options: ProbeOptions = {}): Promise<Probed> {
  const { source, onOpened, patience = source === undefined ? PATIENCE.products : PATIENCE.step } = options;
  const task: z.infer<typeof taskSchema> = { ...found, ...(source === undefined ? {} : { source }) };
  // Sources run through tsx, which is found from the folder of the package.
  const started = isSource ? ['--import', 'tsx', entry] : [entry];
  const child = spawn(process.execPath, [...started, JSON.stringify(task)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    cwd: packageFolder,
  });
  const messages: ProbeMessage[] = [];
  let said = '';
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, patience);
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.on('message', (message) => {
    const parsed = messageSchema.safeParse(message);
    if (!parsed.success) return;
    messages.push(parsed.data);
    if (parsed.data.type === 'opened') onOpened?.();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.on('error', () => resolve([null, null]));
      child.on('close', (...ended) => resolve(ended));
    });
    return summary(
      messages,
      isLate ? `It did not answer within ${patience / 1000} s` : died(code, signal),
      said,
    );
  } finally {
    clearTimeout(timer);
    process.off('exit', end);
  }
}

function died(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (code === 0) return undefined;
  return `It ended its process (${signal ?? `exit code ${code}`})`;
}

function summary(messages: readonly ProbeMessage[], end: string | undefined, said: string): Probed {
  const rates: Record<string, number> = {};
  let result: Probed = { devices: [], rates };
  for (const message of messages) {
    if (message.type === 'opened') {
      const { platform, version, devices } = message;
      result = { ...result, platform, version, devices };
    } else if (message.type === 'rate') rates[message.precision] = message.gflops;
    else if (message.type === 'step') result = { ...result, stepMilliseconds: message.milliseconds };
    else result = { ...result, problem: message.reason };
  }
  if (end === undefined || result.problem !== undefined) return result;
  const last = said.trim().split('\n').at(-1) ?? '';
  return { ...result, problem: `${end}${last === '' ? '' : `; its last words: ${last}`}.` };
}
