/**
 * Evaluations without the command line: k-NN of a network among the images of a folder with a folder for each class, printed and as
 * a page. Run it with `npx tsx examples/evaluate.ts <run or weights> <folder> [page.html]`.
 */
import { writeFileSync } from 'node:fs';
import { renderReport } from 'dino-ts';
import { FrozenBackbone, knnReport, knnStatement } from 'dino-ts/eval';
import { openSource, openSubject, ortNode } from 'dino-ts/node';

const [path, folder, page = 'evaluation.html'] = process.argv.slice(2);
if (path === undefined || folder === undefined) throw new Error('Which network, and which images?');

const { backbone: config, preprocessing, size, trained, untrained, imageOptions } = openSubject(path);
const images = openSource(folder, imageOptions);
const backbone = new FrozenBackbone(config, preprocessing, ortNode);
const network = { backbone, trained, untrained, engine: ortNode };

// First what was measured, as typed data; then what is said of it: words for a terminal, blocks for a page.
const temperature = 0.07;
const report = await knnReport({ ...network, train: images, ks: [5, 20], temperature });
const { protocol, table, section, finding } = knnStatement(report, { feature: 'feature', size, temperature });
await backbone.dispose();

console.log(protocol);
for (const row of table) console.log(row.join('   '));
if (finding !== undefined) console.log(finding.title);
const evaluations = section === undefined ? [] : [section];
writeFileSync(page, renderReport({ title: `${path} on ${images.name}`, evaluations }));
