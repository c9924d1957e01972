/** The ranks that this process was started as one of. */
import { alone, type Collective } from './collective.ts';
import { isMpi, launchedAs } from './launcher.ts';
import { meetingPlace } from './meeting-place.ts';
import { joinMpi } from './mpi-node.ts';
import { meetByTcp } from './tcp-node.ts';

/**
 * By MPI where that started them, else by the variables of torchrun or Slurm; itself alone where nothing says that there are others.
 *
 * @param distUrl `tcp://host:port` in place of MASTER_ADDR and MASTER_PORT
 * @throws CollectiveError where it was started as one of several and cannot find them
 */
export async function joinRanks(distUrl?: string): Promise<Collective> {
  const launched = launchedAs(process.env);
  if (launched !== undefined && isMpi(launched.by)) return joinMpi(launched);
  const place = meetingPlace(process.env, distUrl);
  return place === undefined ? alone : meetByTcp(place);
}
