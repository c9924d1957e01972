/** How evaluations tell how far they have come. */

/** @param what is being done: `features of photos` */
export type OnProgress = (what: string, done: number, total: number) => void;
