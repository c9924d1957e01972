import koffi from 'koffi';

/**
 * What C functions need that run on koffi's threads: ONNX Runtime keeps packed blocks of a matrix on the stack, MPI what it reduces.
 * koffi's default of 128 KiB is less than a thread has.
 */
const STACK_BYTES = 4 << 20;

/** Called before a library is loaded whose functions run on threads: koffi keeps the stacks that it has made. */
export function widenStacks(): void {
  koffi.config({ ...koffi.config(), async_stack_size: STACK_BYTES });
}
