/**
 * The pixel loops of the image transforms in WebAssembly SIMD. What they compute is defined, in plain TypeScript, in
 * src/image; these loops give the same bytes, 4 to 16 samples at a time.
 *
 * All arguments are addresses, sizes in bytes or pixels, and numbers; src/image/workbench.ts lays out the memory. Loops
 * work on whole vectors: 64 bytes after each buffer may be read and overwritten.
 */
export { boxBlur } from './image/blur';
export { applyTable, flipRows, grayscale, lumaSum, saturation } from './image/color';
export { hue } from './image/hue';
export { resampleColumns, resampleRows1, resampleRows3 } from './image/resample';

/** The address from which on memory is free. */
export function heapBase(): usize {
  return __heap_base;
}
