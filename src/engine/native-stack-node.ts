/** The stack on which native functions are called. */
import koffi from 'koffi';

/** What koffi gives at most. Kernels keep blocks of matrices on it and compilers recurse deeply; a thread of its own has less. */
const STACK_BYTES = 16 << 20;

let isPrepared = false;

/** To be called before a library is loaded: koffi takes no settings afterwards. */
export function prepareNativeCalls(): void {
  if (isPrepared) return;
  isPrepared = true;
  koffi.config({ ...koffi.config(), sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
}
