/** Fields of config.json that change the function are honored, or refused by name. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { dino } from '../cli/command.ts';
import { folderWith, huggingFaceTensors, officialTensors, timmConfig, vitConfig } from './folders.ts';

const withConfig = (fields: object): string =>
  folderWith({ 'config.json': { ...vitConfig, ...fields }, 'model.safetensors': huggingFaceTensors() });

const timmWith = (fields: object): string =>
  folderWith({ 'config.json': { ...timmConfig, ...fields }, 'model.safetensors': officialTensors() });

async function feature(folder: string): Promise<number[]> {
  const { backbone, trained, preprocessing } = openSubject(folder);
  const frozen = new FrozenBackbone(backbone, preprocessing, ortNode, { threads: 1 });
  try {
    const pixels = Float32Array.from({ length: 3 * 16 * 16 }, (_, i) => Math.sin(i));
    return [...(await frozen.features(trained, pixels))];
  } finally {
    await frozen.dispose();
  }
}

describe('a config.json of transformers', () => {
  it.each([
    [{ hidden_act: 'relu' }, 'says hidden_act "relu"'],
    [{ hidden_act: 'quick_gelu' }, 'says hidden_act "quick_gelu"'],
    [{ hidden_act: 'gelu_new' }, 'says hidden_act "gelu_new"'],
    [{ hidden_size: 32 }, 'says hidden_size 32, and the weights of'],
    [{ num_hidden_layers: 1 }, 'says num_hidden_layers 1'],
    [{ intermediate_size: 32 }, 'says intermediate_size 32'],
    [{ image_size: 32 }, 'says image_size 32'],
    [{ patch_size: 4 }, 'says patch_size 4'],
    [{ patch_size: [8, 4] }, 'says patch_size [8,4]'],
    [{ num_channels: 1 }, 'says num_channels 1'],
    [{ num_attention_heads: 3 }, '3 attention heads do not divide a width of 16'],
    [{ pruned_heads: { 0: [1] } }, 'says pruned_heads'],
    [{ quantization_config: { bits: 4 } }, 'says quantization_config'],
    [{ model_type: 'clip' }, 'describes a clip model'],
    [{ qkv_bias: 'no' }, 'cannot be understood (qkv_bias'],
  ])('refuses what cannot be computed: %j', async (fields, message) => {
    const folder = withConfig(fields);
    expect(() => openSubject(folder)).toThrow(message);
    // inspect shows the tensors all the same.
    const said = await dino('inspect', folder);
    expect(said.code).toBe(1);
    expect(said.out).toContain('safetensors, 38 tensors');
    expect(said.out).toContain(`refused: `);
    expect(said.out).toContain(message);
  });

  it('gives the epsilon and the heads', async () => {
    const usual = await feature(withConfig({}));
    expect(openSubject(withConfig({})).backbone).toMatchObject({ eps: 1e-12, heads: 2 });
    expect(await feature(withConfig({ layer_norm_eps: 1 }))).not.toEqual(usual);
    expect(await feature(withConfig({ num_attention_heads: 4 }))).not.toEqual(usual);
    expect(await feature(withConfig({ hidden_dropout_prob: 0.5 }))).toEqual(usual);
  });

  it('without biases for queries, keys and values has none, whether the file holds them or not', async () => {
    const zeros = huggingFaceTensors();
    for (const [name, tensor] of zeros)
      if (/attention\.attention\.(query|key|value)\.bias/.test(name))
        zeros.set(name, { dtype: 'F32', shape: tensor.shape, data: new Float32Array(16) });
    const wanted = await feature(folderWith({ 'config.json': vitConfig, 'model.safetensors': zeros }));
    expect(await feature(withConfig({ qkv_bias: false }))).toEqual(wanted);
    const none = new Map([...zeros].filter(([name]) => !/(query|key|value)\.bias/.test(name)));
    const config = { ...vitConfig, qkv_bias: false };
    expect(await feature(folderWith({ 'config.json': config, 'model.safetensors': none }))).toEqual(wanted);
    expect(await feature(withConfig({}))).not.toEqual(wanted);
    expect(() => openSubject(folderWith({ 'config.json': vitConfig, 'model.safetensors': none }))).toThrow(
      'lacks blocks.0.attn.qkv.bias',
    );
  });
});

describe('a config.json of timm', () => {
  it('gives the heads, by its arguments or its name', () => {
    expect(openSubject(timmWith({})).backbone).toMatchObject({ heads: 2 });
    const { num_heads: _, ...args } = timmConfig.model_args;
    expect(() => openSubject(timmWith({ model_args: args }))).toThrow('6 attention heads do not divide');
  });

  it('says by its name how wide the network and how large a patch is, so that another network is not taken for it', () => {
    const { embed_dim: _, patch_size: __, ...args } = timmConfig.model_args;
    const named = (architecture: string) => () => openSubject(timmWith({ architecture, model_args: args }));
    expect(named('vit_small_patch8_16')).toThrow(
      'says architecture "vit_small_patch8_16" with embed_dim 384, and the weights of',
    );
    expect(named('vit_giant_patch14_dinov2')).toThrow('with embed_dim 1536, and the weights of');
    expect(named('vit_medium_patch16_16')).toThrow('with patch_size 16, and the weights of');
    expect(named('vit_medium_patch8_16.dino')).not.toThrow();
  });

  it('of its old form, or under its own name, says how images become the input too', () => {
    const { pretrained_cfg: shown, ...network } = timmConfig;
    const wanted = openSubject(timmWith({})).preprocessing;
    expect(wanted.statistics.mean).toEqual([0.5, 0.4, 0.3]);
    const flat = folderWith({
      'config.json': { ...network, ...shown },
      'model.safetensors': officialTensors(),
    });
    expect(openSubject(flat).preprocessing).toEqual(wanted);
    const named = folderWith({ 'timm_config.json': timmConfig, 'model.safetensors': officialTensors() });
    expect(openSubject(named)).toMatchObject({
      preprocessing: wanted,
      preprocessingOrigin: join(named, 'timm_config.json'),
    });
  });

  it.each([
    [{ architecture: 'resnet50d' }, 'describes resnet50d'],
    [{ architecture: 'resnet50', global_pool: '' }, 'says patch_size 8 in model_args'],
    [{ global_pool: 'avg' }, 'says global_pool "avg"'],
    [{ model_args: { ...timmConfig.model_args, act_layer: 'quick_gelu' } }, 'says act_layer "quick_gelu"'],
    [{ model_args: { ...timmConfig.model_args, qk_norm: true } }, 'says qk_norm true'],
    [{ model_args: { ...timmConfig.model_args, depth: 3 } }, 'says depth 3'],
    [{ architecture: 'vit_base_patch16_clip_quickgelu_224' }, 'only networks with the exact GELU'],
    [{ pretrained_cfg: { mean: [0.5] } }, 'cannot be understood (pretrained_cfg.input_size is missing)'],
  ])('refuses what cannot be computed: %j', (fields, message) => {
    expect(() => openSubject(timmWith(fields))).toThrow(message);
  });
});

it('inspect says nothing of images that a config leaves in the dark, and finds sizes that do not fit', async () => {
  const inspected = async (fields: object) =>
    (await dino('inspect', timmWith({ pretrained_cfg: fields }))).out;
  const unknown = await inspected({ ...timmConfig.pretrained_cfg, mean: undefined });
  expect(unknown).toContain('cannot be understood (pretrained_cfg.mean is missing)');
  expect(unknown).not.toContain('images: ');
  const odd = timmWith({ pretrained_cfg: { ...timmConfig.pretrained_cfg, input_size: [3, 20, 20] } });
  const said = await dino('inspect', odd);
  expect(said.code).toBe(1);
  expect(said.out).toContain(
    `refused: ${join(odd, 'config.json')} wants images of 20 x 20 pixels, which are not made of whole patches of 8: give --eval_size 24.`,
  );
  expect(said.out).toContain('but it will not be loaded as long as that is refused');
});

it('a mark of the order of bytes before a config does no harm', () => {
  const text = `\ufeff${JSON.stringify(timmConfig)}`;
  const folder = folderWith({ 'config.json': text, 'model.safetensors': officialTensors() });
  expect(openSubject(folder).preprocessing.statistics.mean).toEqual([0.5, 0.4, 0.3]);
});

it('a width that does not tell the heads leaves them open for inspect alone', async () => {
  const path = join(folderWith({ 'weights.pth': officialTensors() }), 'weights.pth');
  expect(() => openSubject(path)).toThrow('a width of 16 does not tell how many attention heads there are');
  const said = await dino('inspect', path);
  expect(said.code).toBe(0);
  expect(said.out).toContain('attention heads open (the width does not tell: --heads)');
  const json = await dino('inspect', path, '--json');
  expect(JSON.parse(json.out)).toMatchObject({ config: { dim: 16, heads: null }, whole: true });
});
