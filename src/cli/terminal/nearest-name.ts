/** Which option was meant by a name that is none: a slip, the beginning of a name, or what other programs call it. */

/** What other programs call options; of several names the first that the command has. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  learningRate: ['lr'],
  learnRate: ['lr'],
  baseLr: ['lr'],
  minLearningRate: ['minLr'],
  lrBase: ['lr'],
  initLr: ['lr'],
  batchSize: ['batchSizePerGpu'],
  bs: ['batchSizePerGpu'],
  iterations: ['steps'],
  iters: ['steps'],
  wd: ['weightDecay'],
  gradClip: ['clipGrad'],
  maxGradNorm: ['clipGrad'],
  maxNorm: ['clipGrad'],
  emaMomentum: ['momentumTeacher'],
  emaDecay: ['momentumTeacher'],
  ema: ['momentumTeacher'],
  teacherTemperature: ['teacherTemp'],
  studentTemperature: ['studentTemp'],
  temperature: ['teacherTemp'],
  temp: ['teacherTemp', 'temperature'],
  architecture: ['arch'],
  model: ['arch'],
  backbone: ['arch'],
  network: ['arch'],
  pretrained: ['init'],
  weights: ['init'],
  jobs: ['numWorkers'],
  cores: ['threads'],
  cpus: ['threads'],
  localCrops: ['localCropsNumber'],
  nLocalCrops: ['localCropsNumber'],
  imgSize: ['imageSize', 'evalSize', 'globalCropsSize'],
  imageSize: ['evalSize', 'globalCropsSize'],
  inputSize: ['imageSize', 'evalSize', 'globalCropsSize'],
  resolution: ['imageSize', 'evalSize', 'globalCropsSize'],
  cropSize: ['globalCropsSize'],
  imsize: ['imageSize', 'evalSize'],
  dataDir: ['dataPath', 'train', 'images'],
  data: ['dataPath', 'train', 'images'],
  dataset: ['dataPath', 'train', 'images'],
  source: ['dataPath', 'train', 'images'],
  out: ['output', 'outputDir'],
  outDir: ['output', 'outputDir'],
  saveDir: ['output', 'outputDir'],
  logDir: ['output', 'outputDir'],
  dir: ['output', 'outputDir'],
  randomSeed: ['seed'],
  manualSeed: ['seed'],
  time: ['minutes'],
  duration: ['minutes'],
  hours: ['minutes'],
  seconds: ['minutes'],
  neighbors: ['k'],
  nbKnn: ['k'],
  clusters: ['k'],
  nClusters: ['k'],
  val: ['test'],
  valid: ['test'],
  validation: ['test'],
};

/** The same without capitals: `batchsize` is understood, too. */
const synonyms = new Map(Object.entries(otherNames).map(([name, ours]) => [name.toLowerCase(), ours]));

/**
 * The name that was meant, if any is near.
 *
 * @param wanted in camel case
 * @param known the names that there are, in camel case
 */
export function nearestName(wanted: string, known: readonly string[]): string | undefined {
  const small = wanted.toLowerCase();
  return (
    synonyms.get(small)?.find((name) => known.includes(name)) ??
    (small.length < 2 ? undefined : known.find((name) => name.toLowerCase().startsWith(small))) ??
    nearlySpelled(wanted, known, 1) ??
    longest(known.filter((name) => holdsWordsOf(wanted, name))) ??
    only(known.filter((name) => holdsWordsOf(name, wanted))) ??
    nearlySpelled(wanted, known)
  );
}

/** Whether all words of a name stand together in a longer one, as those of "epochs" do in "maxEpochs". */
function holdsWordsOf(longer: string, name: string): boolean {
  return name.length > 2 && `-${dashed(longer)}-`.includes(`-${dashed(name)}-`);
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function longest(names: readonly string[]): string | undefined {
  return names.toSorted((a, b) => b.length - a.length)[0];
}

/** The name, if there is one only. */
function only(names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined;
}

/** The name that differs by no more letters than a slip does: one, in longer names two or three unless so many are given. */
function nearlySpelled(
  wanted: string,
  known: readonly string[],
  most = wanted.length < 8 ? 1 : wanted.length < 12 ? 2 : 3,
): string | undefined {
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(name.toLowerCase(), wanted.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  if (nearest === undefined || wanted.length < 2) return undefined;
  return nearest.distance <= most ? nearest.name : undefined;
}

/** How many letters to change, add, leave out or exchange with their neighbor (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchange = exchanged ? (before[j - 2] ?? 0) + 1 : change;
      next.push(Math.min(change, exchange, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
