/**
 * Published weights by name, and where they are: the official files (facebookresearch/dino, README and `hubconf.py`), and any
 * repository of the Hugging Face Hub by `owner/name`. Nothing here touches the network.
 */

export interface RemoteFile {
  readonly url: string;
  /** Name in the cache. */
  readonly name: string;
}

/** What a name stands for: one file of weights, or the files of a folder. */
export interface KnownWeights {
  readonly files: readonly RemoteFile[];
  /** What to open once the files are there: the name of a file, or '' for the folder itself. */
  readonly open: string;
}

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
} as const;

/** Names of official files: backbones, and full training checkpoints (`_full`). */
export const officialNames: readonly string[] = Object.keys(models).flatMap((name) => [name, `${name}_full`]);

const HUB_ID = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/** @returns undefined for a name that nothing is known by */
export function knownWeights(name: string, hosts: Hosts = publicHosts): KnownWeights | undefined {
  for (const [model, stem] of Object.entries(models)) {
    const suffix = name === model ? '' : name === `${model}_full` ? '_full_checkpoint' : undefined;
    if (suffix === undefined) continue;
    const file = `${stem}_pretrain${suffix}.pth`;
    return { files: [{ url: `${hosts.official}/${stem}_pretrain/${file}`, name: file }], open: file };
  }
  if (!HUB_ID.test(name)) return undefined;
  const files = ['config.json', 'model.safetensors'].map((file) => ({
    url: `${hosts.hub}/${name}/resolve/main/${file}`,
    name: file,
  }));
  return { files, open: '' };
}
