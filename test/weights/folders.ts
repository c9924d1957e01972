/** Folders of a tiny ViT (width 16, 2 blocks, 2 heads, patches of 8, images of 16) as other libraries save them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  f32,
  parseSafetensors,
  type StoredTensor,
  serializeSafetensors,
} from '../../src/format/safetensors.ts';
import { serializeTorch } from '../../src/format/torch-save.ts';
import { huggingFaceVit } from '../../src/weights/layouts.ts';
import { toLayout } from '../../src/weights/to-layout.ts';
import { temporaryFolder } from '../data/fixtures.ts';

export type Tensors = Map<string, StoredTensor>;

/** Official names. */
export function officialTensors(): Tensors {
  const file = join(import.meta.dirname, '../golden/checkpoints/backbone.safetensors');
  return parseSafetensors(readFileSync(file), file).tensors;
}

/** The same under the names of Hugging Face's ViTModel. */
export function huggingFaceTensors(): Tensors {
  const named = new Map(
    [...officialTensors()].map(([name, tensor]) => [name, { shape: tensor.shape, values: f32(tensor) }]),
  );
  return toLayout(named, huggingFaceVit);
}

export const vitConfig = {
  architectures: ['ViTModel'],
  model_type: 'vit',
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  hidden_act: 'gelu',
  layer_norm_eps: 1e-12,
  image_size: 16,
  patch_size: 8,
  num_channels: 3,
  qkv_bias: true,
};

export const halvesProcessor = {
  image_processor_type: 'ViTImageProcessor',
  do_resize: true,
  size: { height: 16, width: 16 },
  resample: 2,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

export const timmConfig = {
  architecture: 'vit_small_patch8_16',
  num_classes: 0,
  global_pool: 'token',
  model_args: { img_size: 16, patch_size: 8, embed_dim: 16, depth: 2, num_heads: 2 },
  pretrained_cfg: {
    input_size: [3, 16, 16],
    interpolation: 'bilinear',
    crop_pct: 0.9,
    crop_mode: 'center',
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.3, 0.4],
  },
};

/** A folder with these files: tensors as safetensors or torch.save by their name, anything else as JSON, texts as they are. */
export function folderWith(files: Readonly<Record<string, Tensors | string | object>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const parts =
      content instanceof Map
        ? name.endsWith('.safetensors')
          ? serializeSafetensors(content)
          : serializeTorch(content)
        : [Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))];
    writeFileSync(join(folder, name), Buffer.concat(parts));
  }
  return folder;
}

/** The tensors in two shards, with their index. */
export function shards(tensors: Tensors, ending: 'safetensors' | 'bin'): Record<string, Tensors | object> {
  const stem = ending === 'bin' ? 'pytorch_model' : 'model';
  const names = [1, 2].map((i) => `${stem}-0000${i}-of-00002.${ending}`);
  const parts: [Tensors, Tensors] = [new Map(), new Map()];
  const map: Record<string, string> = {};
  for (const [i, [name, tensor]] of [...tensors].entries()) {
    parts[i % 2 === 0 ? 0 : 1].set(name, tensor);
    map[name] = names[i % 2] ?? '';
  }
  const index = { metadata: { total_size: 1 }, weight_map: map };
  return {
    [names[0] ?? '']: parts[0],
    [names[1] ?? '']: parts[1],
    [`${stem}.${ending}.index.json`]: index,
  };
}
