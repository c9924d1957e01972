/** One of several processes that open a plugin together, and says what it has then. */
import { joinRanks } from '../../src/collective/join-ranks-node.ts';
import { TcpRanks } from '../../src/collective/tcp-node.ts';
import { input, sumAcross } from '../../src/graph/index.ts';
import { openAcross } from '../../src/run/open-across-node.ts';

const ranks = await joinRanks();
if (!(ranks instanceof TcpRanks)) throw new Error('This is one of several processes.');
const [pjrtPlugin = ''] = process.argv.slice(2);
const engine = await openAcross({ pjrtPlugin, compileCache: 'none' }, ranks);
const x = input('x', [2]);
const asked: string[] = [];
for (const y of [sumAcross(x, engine?.span?.all ?? 1), x])
  await engine?.load({ y }).catch((error: Error) => asked.push(error.message));
console.log(JSON.stringify({ name: engine?.name, replicas: engine?.replicas, span: engine?.span, asked }));
await ranks.dispose();
