import { fileURLToPath } from 'node:url';

/** Path of a checkpoint that PyTorch wrote. */
export const golden = (name: string): string =>
  fileURLToPath(new URL(`../golden/checkpoints/${name}`, import.meta.url));
