/**
 * The floors of `src`, checked by `npm run lint`: a folder imports from the floors below it, never from those above, and nothing
 * imports in a circle. docs/how-it-works.md draws them.
 */

/** From the ground up: the folder, and what keeps it where it is. */
const floors = [
  ['numbers', 'how numbers are rounded and said, whatever they count'],
  ['random', 'numbers are named by a seed and a purpose, whatever they are for'],
  ['format', 'bytes in, data out: a format does not care what is kept in it'],
  ['files', 'what the operating system is asked for, in Node'],
  ['graph', 'a compiler for any model: it knows no network, no engine and no image'],
  ['engine', 'runs what was compiled, and knows nothing of what it computes'],
  ['collective', 'several processes that exchange numbers, whatever they are of'],
  ['optim', 'update rules of any parameters, whatever network has them'],
  ['image', 'pixels, as exact as PIL, for whoever has some'],
  ['scenes', 'pictures made from a seed: one kind of image among others'],
  ['model', 'networks are functions of a scope and tensors; who trains them is not their business'],
  ['method', 'what is trained and by which objective; how, is said above'],
  ['rows', 'linear algebra of rows, wherever they come from'],
  ['weights', 'tensors of any origin as those of our networks'],
  ['data', 'images by number, in order, cropped; what is done with them is said above'],
  ['report', 'pages and charts of plain data; it measures nothing'],
  ['features', 'a frozen network and the images it reads, for every evaluation'],
  ['train', 'one step, the loop, the plan and the doctor; it measures no features, and writes no files'],
  ['eval', 'algorithms, reports and their sections; it knows no run'],
  ['export', 'networks for others'],
  ['run', 'a run folder and everything that is kept in one'],
  ['cli', 'flags in, words out'],
];

const names = floors.map(([name]) => name);

const order = floors.slice(0, -1).map(([name, reason], i) => ({
  name: `${name} stands below`,
  comment: reason,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: `^src/(${names.slice(i + 1).join('|')})/` },
}));

/** What only Node has. */
const NATIVE =
  '^(sharp|koffi|onnxruntime-node|libheif-js|hyparquet-writer|webgpu)$|node_modules/(sharp|koffi|onnxruntime-node|libheif-js|hyparquet-writer|webgpu)/';
/** Files that may use it: their names say so, or they are the command line. */
const NODE_FILES = '(-node|/kernels\\.wasm|\\.d)\\.ts$|^src/cli/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...order,
    {
      name: 'no circles',
      // The gradients of operations are made of other operations, which have gradients.
      comment: 'files that import each other cannot be understood, tested or moved one by one',
      severity: 'error',
      from: { pathNot: '^src/graph/ops/' },
      to: { circular: true },
    },
    {
      name: 'Node by name',
      comment: 'what touches Node is named -node, so that everything else runs in a browser',
      severity: 'error',
      from: { path: '^src/', pathNot: NODE_FILES },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'native code by name',
      comment: 'packages that only Node can load are used by files named -node',
      severity: 'error',
      from: { path: '^src/', pathNot: NODE_FILES },
      to: { path: NATIVE },
    },
    {
      name: 'portable stays portable',
      comment: 'a file without -node imports no value from one with it: it is handed what it needs',
      severity: 'error',
      from: { path: '^src/', pathNot: `${NODE_FILES}|^src/node\\.ts$` },
      to: { path: '-node\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'one door to a runtime',
      comment:
        'nothing outside engine/ knows ONNX Runtime or Dawn, so that another engine can take its place',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/engine/' },
      to: { path: '^(onnxruntime-node|webgpu)$|node_modules/(onnxruntime-node|webgpu)/' },
    },
    {
      name: 'C libraries by their doors',
      comment: 'C is called where a runtime is: ONNX Runtime and XLA in engine/, MPI in collective/',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(engine|collective)/' },
      to: { path: '^koffi|node_modules/koffi/' },
    },
    {
      name: 'indexes are for others',
      // Not so graph/index.ts: it is the door of the compiler, whose parts nobody else needs to know one by one.
      comment: 'inside the library files import each other directly; an index would pull everything in',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/[^/]+\\.ts$' },
      to: { path: '^src/([^/]+|eval/index)\\.ts$' },
    },
    {
      name: 'every file is used',
      comment: 'a file that nobody imports is dead, unless it is an entry or a thread',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '\\.d\\.ts$|^src/data/worker-node\\.ts$' },
      to: {},
    },
  ],
  options: {
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
