/**
 * Published weights by name, and where they are: the official files (facebookresearch/dino, README and `hubconf.py`), and any
 * repository of the Hugging Face Hub by `owner/name`. Nothing here touches the network.
 */

export interface RemoteFile {
  readonly url: string;
  /** Name in the cache. */
  readonly name: string;
}

/** What a name stands for: an official file, or a repository of the Hub. */
export type KnownWeights =
  | { readonly kind: 'file'; readonly file: RemoteFile }
  | {
      readonly kind: 'repository';
      /** A file of the repository by its name. */
      file(name: string): RemoteFile;
    };

/** Hosts; another one may take their place, such as a mirror. */
export interface Hosts {
  readonly official: string;
  readonly hub: string;
}

export const publicHosts: Hosts = {
  official: 'https://dl.fbaipublicfiles.com/dino',
  hub: 'https://huggingface.co',
};

const models = {
  dino_vits16: 'dino_deitsmall16',
  dino_vits8: 'dino_deitsmall8',
  dino_vitb16: 'dino_vitbase16',
  dino_vitb8: 'dino_vitbase8',
  dino_resnet50: 'dino_resnet50',
  dino_xcit_small_12_p16: 'dino_xcit_small_12_p16',
  dino_xcit_small_12_p8: 'dino_xcit_small_12_p8',
  dino_xcit_medium_24_p16: 'dino_xcit_medium_24_p16',
  dino_xcit_medium_24_p8: 'dino_xcit_medium_24_p8',
} as const;

/** Names of official files: backbones, and full training checkpoints (`_full`). */
export const officialNames: readonly string[] = Object.keys(models).flatMap((name) => [name, `${name}_full`]);

const HUB_ID = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
/** Endings of files of weights: a name with one of them is a path. */
const WEIGHTS_FILE = /\.(safetensors|pth|pt|bin|ckpt|onnx|json|tar|zip)$/i;

/** @returns undefined for a name that nothing is known by */
export function knownWeights(name: string, hosts: Hosts = publicHosts): KnownWeights | undefined {
  for (const [model, stem] of Object.entries(models)) {
    const suffix = name === model ? '' : name === `${model}_full` ? '_full_checkpoint' : undefined;
    if (suffix === undefined) continue;
    const file = `${stem}_pretrain${suffix}.pth`;
    return { kind: 'file', file: { url: `${hosts.official}/${stem}_pretrain/${file}`, name: file } };
  }
  if (!isHubName(name)) return undefined;
  return {
    kind: 'repository',
    file: (file) => ({ url: `${hosts.hub}/${name}/resolve/main/${file}`, name: file }),
  };
}

/** Whether a name may be `owner/name` of the Hub: not `runs/...`, and no file of weights. */
function isHubName(name: string): boolean {
  return HUB_ID.test(name) && !name.startsWith('runs/') && !WEIGHTS_FILE.test(name);
}
