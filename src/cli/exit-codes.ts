/** What a command answers when it ends. */
export const exitCodes = {
  done: 0,
  error: 1,
  /** On the command line. */
  mistake: 2,
  /** The training: its loss is no number any more. */
  failed: 3,
  /** And saved; 128 and the number of Ctrl-C's signal, as shells count. */
  stopped: 130,
} as const;
