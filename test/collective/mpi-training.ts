/** One rank of trainings: rank 0 prints what all of them came to, as JSON. */

import { joinRanks } from '../../src/collective/join-ranks-node.ts';
import { gathered } from '../../src/collective/messages.ts';
import { tinyVit } from '../run/tiny-options.ts';
import { cases, train } from './tiny-training.ts';

const collective = await joinRanks();
const found: Record<string, number[][]> = {};
for (const name of process.argv.slice(2)) {
  const { options, frozen } = await (cases[name]?.() ??
    Promise.reject(new Error(`There is no case ${name}.`)));
  const { results } = await train(options, collective, { frozen });
  found[name] = await gathered(
    collective,
    results.map(({ loss }) => loss),
  );
}
const { results, broken } = await train(tinyVit, collective, { brokenAt: 3 });
const nan = await gathered(collective, { applied: results.map(({ isApplied }) => isApplied), broken });
if (collective.rank === 0) console.log(JSON.stringify({ found, nan }));
await collective.dispose();
