/** A data worker: takes pieces of batches from the ring and fills them until there are none or it is told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { DecodedCache } from './decoded-cache.ts';
import { fillPlaces } from './fill.ts';
import { SampleOrder } from './order.ts';
import type { WorkerMessage, WorkerTask } from './pool-node.ts';
import { openReader } from './reader-node.ts';
import { awaitTurn, finishPiece, isStopped, takePiece } from './ring.ts';

const { spec, loadSize, length, batchSize, first, seed, recipe, imageBytes, ring, cache }: WorkerTask =
  workerData;

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

const reader = openReader(spec, loadSize);
const parts = {
  reader,
  cache: new DecodedCache(cache),
  order: new SampleOrder(length, batchSize, seed, first),
  recipe,
  imageBytes,
  onBad: (index: number, reason: string) => tell({ kind: 'bad', index, reason }),
};
const stopped = (): boolean => isStopped(ring);

for (let piece = takePiece(ring); piece !== undefined && awaitTurn(ring, piece); piece = takePiece(ring)) {
  const memory = { samples: ring.samples[piece.slot]!, crops: ring.crops[piece.slot]! };
  await fillPlaces(parts, { ...piece, memory }, stopped);
  if (stopped()) break;
  if (finishPiece(ring, piece)) tell({ kind: 'filled' });
}
reader.close();
tell({ kind: 'finished' });
