/**
 * The shared memory between the training thread and the workers: a ring of batches, and a few counters through which
 * workers take pieces of batches by themselves. The training thread is blocked inside the engine for seconds, so it
 * plays no part in handing out work: a worker takes the next piece with one atomic addition, waits (asleep) for its
 * place in the ring to be free, fills it, and counts it done.
 */

export interface Ring {
  /** Steps `fromStep` .. `toStep - 1` pass through the ring. */
  readonly fromStep: number;
  readonly toStep: number;
  /** Images of a batch that are loaded. */
  readonly batchSize: number;
  /** Images in a piece; the last piece of a batch may be smaller. */
  readonly pieceSize: number;
  /** Stop flag, next piece, then for each place its turn and its count of pieces done. */
  readonly control: Int32Array;
  /** For each place of the ring, the samples of its batch. */
  readonly samples: readonly Uint32Array[];
  /** For each place of the ring, the crops of its batch. */
  readonly crops: readonly Uint8Array[];
}

/** A piece of work: places `from` .. `to - 1` of the batch of `step`, which lies at `slot` in the ring. */
export interface Piece {
  readonly step: number;
  readonly slot: number;
  readonly turn: number;
  readonly from: number;
  readonly to: number;
}

const STOP = 0;
const NEXT = 1;
const FIRST_SLOT = 2;
/** The turn every place is set to at the end, so that nobody waits for it. */
const LAST_TURN = 0x7fffffff;

export function allocateRing(options: {
  readonly fromStep: number;
  readonly toStep: number;
  readonly batchSize: number;
  readonly pieceSize: number;
  readonly imageBytes: number;
  /** Batches that fit. */
  readonly slots: number;
}): Ring {
  const { fromStep, toStep, batchSize, pieceSize, imageBytes, slots } = options;
  const each = Array.from({ length: slots });
  return {
    fromStep,
    toStep,
    batchSize,
    pieceSize,
    control: new Int32Array(new SharedArrayBuffer((FIRST_SLOT + 2 * slots) * 4)),
    samples: each.map(() => new Uint32Array(new SharedArrayBuffer(batchSize * 4))),
    crops: each.map(() => new Uint8Array(new SharedArrayBuffer(batchSize * imageBytes))),
  };
}

function turnAt(slot: number): number {
  return FIRST_SLOT + 2 * slot;
}

function doneAt(slot: number): number {
  return FIRST_SLOT + 2 * slot + 1;
}

function piecesPerBatch(ring: Ring): number {
  return Math.ceil(ring.batchSize / ring.pieceSize);
}

/** Where the batch of a step lies, and how often the ring has come round to it. */
export function slotOf(ring: Ring, step: number): { slot: number; turn: number } {
  const slots = ring.crops.length;
  return { slot: (step - ring.fromStep) % slots, turn: Math.floor((step - ring.fromStep) / slots) };
}

/** Takes the next piece nobody has taken, or undefined when all are. */
export function takePiece(ring: Ring): Piece | undefined {
  const number = Atomics.add(ring.control, NEXT, 1);
  const pieces = piecesPerBatch(ring);
  const step = ring.fromStep + Math.floor(number / pieces);
  if (step >= ring.toStep) return undefined;
  const from = (number % pieces) * ring.pieceSize;
  return { step, ...slotOf(ring, step), from, to: Math.min(from + ring.pieceSize, ring.batchSize) };
}

/** Sleeps until the piece's place is free; false when the work is to stop. For workers only. */
export function awaitTurn(ring: Ring, piece: Piece): boolean {
  const at = turnAt(piece.slot);
  for (;;) {
    const turn = Atomics.load(ring.control, at);
    if (isStopped(ring)) return false;
    if (turn >= piece.turn) return true;
    Atomics.wait(ring.control, at, turn);
  }
}

/** Counts a piece as done; true when it was the last of its batch. */
export function finishPiece(ring: Ring, piece: Piece): boolean {
  return Atomics.add(ring.control, doneAt(piece.slot), 1) + 1 === (piece.turn + 1) * piecesPerBatch(ring);
}

/** Whether all pieces of a step's batch are done. */
export function isFilled(ring: Ring, step: number): boolean {
  const { slot, turn } = slotOf(ring, step);
  return Atomics.load(ring.control, doneAt(slot)) === (turn + 1) * piecesPerBatch(ring);
}

/** Whether the batch that had the step's place before has been given back. */
export function isFree(ring: Ring, step: number): boolean {
  const { slot, turn } = slotOf(ring, step);
  return Atomics.load(ring.control, turnAt(slot)) >= turn;
}

/** Gives a step's place in the ring to the next batch. */
export function releaseSlot(ring: Ring, step: number): void {
  const { slot, turn } = slotOf(ring, step);
  if (Atomics.compareExchange(ring.control, turnAt(slot), turn, turn + 1) === turn) {
    Atomics.notify(ring.control, turnAt(slot));
  }
}

/** Tells all workers to end, the sleeping ones too. */
export function stopRing(ring: Ring): void {
  Atomics.store(ring.control, STOP, 1);
  for (let slot = 0; slot < ring.crops.length; slot++) {
    Atomics.store(ring.control, turnAt(slot), LAST_TURN);
    Atomics.notify(ring.control, turnAt(slot));
  }
}

export function isStopped(ring: Ring): boolean {
  return Atomics.load(ring.control, STOP) === 1;
}
