/** Weights from elsewhere as a subject: what they are, how images become their input, and where results are kept. */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { networkFingerprint } from '../features/feature-bank-node.ts';
import { untrainedWeights, type Weights } from '../features/network-weights.ts';
import type { BackboneConfig } from '../model/backbone.ts';
import { counted } from '../numbers/counted.ts';
import { checkComplete, findNetwork } from '../weights/find-network.ts';
import { imageSizeOf, requireHeads, shapeOf } from '../weights/infer-config.ts';
import { checkClaims } from '../weights/network-config.ts';
import { type OpenedWeights, openWeights } from '../weights/open-weights-node.ts';
import { completePreprocessing } from '../weights/stated-preprocessing.ts';
import { checkSize, usualSize } from './input-size.ts';
import { RunFolder } from './run-folder-node.ts';
import { lazySubject, type Subject, type SubjectOptions } from './subject.ts';

/** Weights from elsewhere, with what lies beside them (`openWeights`). */
export function subjectOfWeights(path: string, options: SubjectOptions): Subject {
  const opened = openWeights(path);
  try {
    return subjectOfOpened(path, opened, options);
  } finally {
    opened.close();
  }
}

/** The same of weights that are open already, and stay so. */
export function subjectOfOpened(path: string, opened: OpenedWeights, options: SubjectOptions): Subject {
  const { checkpointKey, heads: given, allowMissing = [] } = options;
  const { file, dict } = opened;
  const config = opened.config();
  const heads = given ?? config?.heads;
  const found = findNetwork(dict, {
    name: file,
    ...(checkpointKey === undefined ? {} : { checkpointKey }),
    ...(heads === undefined ? {} : { heads }),
    ...(config === undefined ? {} : { qkvBias: config.qkvBias }),
  });
  checkComplete(found, file, allowMissing);
  if (config !== undefined) checkClaims(config, shapeOf(found.config), file);
  const eps = config?.eps ?? dict.facts.eps;
  const network = requireHeads(found.config, file);
  const backbone: BackboneConfig =
    network.kind === 'vit' && eps !== undefined ? { ...network, eps } : network;
  const imageSize = imageSizeOf(found.config);
  const { channels } = found.config;
  if (channels !== 1 && channels !== 3)
    throw new Error(
      `${file}: the network takes ${counted(channels, 'channel')}: only gray and RGB images can be read.`,
    );
  const stated = opened.preprocessing();
  const preprocessing = completePreprocessing(usualSize(imageSize), channels, stated, options.preprocessing);
  const { size } = preprocessing;
  checkSize(
    backbone,
    size,
    options.preprocessing?.evalSize === undefined ? (stated?.origin ?? file) : '--eval_size',
  );
  const { levels, seed = 0 } = dict.facts;
  const untrained = (): Weights => untrainedWeights(backbone, imageSize, seed);
  const trained = found.isWhole ? found.weights() : new Map([...untrained(), ...found.weights()]);
  return lazySubject(
    {
      name: path,
      record: undefined,
      backbone,
      size,
      preprocessing,
      preprocessingOrigin: stated?.origin,
      channels,
      imageOptions: { channels, levels: options.levels ?? levels, labels: options.labels },
      trained,
      allowed: found.missing,
      seed,
      ...(opened.choice === undefined ? {} : { choice: opened.choice }),
    },
    { folder: () => resultsOf(path, options, backbone, trained), untrained },
  );
}

/**
 * Where results are kept of weights that are in no run folder: `<name>-<their hash>-eval`, so that
 * networks of one name do not mix.
 */
export function resultsOf(
  path: string,
  { results = '.' }: SubjectOptions,
  backbone: BackboneConfig,
  trained: Weights,
): RunFolder {
  const name = basename(path).replace(/\.(pth|pt|bin|safetensors)$/, '');
  const hash = createHash('sha256').update(networkFingerprint(trained)).update(JSON.stringify(backbone));
  return RunFolder.at(join(results, `${name}-${hash.digest('hex').slice(0, 6)}-eval`));
}
