import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkFile, checks, passes } from '../../parity/checks.ts';
import { lines } from '../../parity/table.ts';
import { parseSafetensors } from '../../src/format/safetensors.ts';

const golden = new URL('../golden/', import.meta.url);
const files = readdirSync(golden).filter((file) => file.endsWith('.safetensors'));
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, golden)));
const covered = files.map((file) => file.replace('.safetensors', '')).filter((name) => name in checks);

describe('the library agrees with the official code', () => {
  test.each(covered)('on %s, and nothing in the file is left out', async (name) => {
    const report = await checkFile(read(`${name}.safetensors`), name);
    if (report.kind !== 'checked') throw new Error(lines(report, 0).join());
    expect(report.rows.length).toBeGreaterThan(0);
    expect(report.rows.filter((row) => !row.ok)).toEqual([]);
    expect(report.unread).toEqual([]);
  });
});

/** The fixture with the largest value of one tensor moved by one per cent (an integer: by its last bit). */
function altered(name: string, tensor: RegExp): Uint8Array {
  const bytes = Uint8Array.from(read(`${name}.safetensors`));
  const { tensors } = parseSafetensors(bytes, name);
  const found = [...tensors].find(([key]) => tensor.test(key));
  if (found === undefined) throw new Error(`${name} has no tensor ${tensor}`);
  const { dtype, data } = found[1];
  if (dtype === 'I64') {
    data[0] = data[0]! ^ 1n;
    return bytes;
  }
  if (dtype !== 'F32' && dtype !== 'F64') {
    data[0] = data[0]! ^ 1;
    return bytes;
  }
  let at = 0;
  for (let i = 0; i < data.length; i++) if (Math.abs(data[i]!) > Math.abs(data[at]!)) at = i;
  data[at] = data[at]! * 1.01;
  return bytes;
}

describe('a check can fail', () => {
  /** One tensor of each kind of quantity. */
  const targets: Readonly<Record<string, readonly RegExp[]>> = {
    vit_forward: [/^out\/.*cls/, /^out\/.*attn/, /^out\/.*patch_embed/, /^out64\//],
    vit_init: [/^out\/.*inter1/],
    vit_backward: [/^grad\/.*norm/, /^gradnorm64/],
    pos_interp: [/^out\//],
    dinov2_pos_interp: [/^out\/antialias1_offset0\/28/, /^grad\/antialias0/],
    dinov2_ffn: [/^out\/swiglu_aligned/, /^grad\/swiglu_aligned\/w2\.weight/, /^state\/swiglu\//],
    dinov2_block: [/^out\/mlp/, /^grad\/swiglu_fused\/ls1/],
    dinov2_droppath: [/^out\/list2/, /^perm\/ffn/, /^kept/],
    dinov2_vit: [/^masks\/wide/, /x_norm_regtokens/, /^grad\/.*mask_token/],
    dinov2_dino_loss: [/^prob\/center_second_step/, /^loss_local_sum\/sinkhorn1/, /^grad_global\/sinkhorn3/],
    dinov2_ibot_loss: [/^mask_indices/, /^masks$/, /^center_next/, /^grad_student\/sinkhorn/],
    dinov2_koleo: [/^nearest\/clustered/, /^loss\/duplicate/, /^grad\/two/],
    dinov2_masking: [/^replay_masks/, /^collate_mask_indices/],
    dinov2_step: [/^part\/center_one_head\/koleo/, /^grad\/sinkhorn.*mask_token/, /^center_after\/.*ibot/],
    dinov2_optim: [/^schedule\/4/, /^multiplier\/backbone\.blocks\.0\.ls1/],
    hf_dinov2: [
      /^hf\/swiglu\/.*weights_in\.weight/,
      /^last_hidden_state\/registers/,
      /^official\/mlp\/.*gamma/,
    ],
    head: [/loss$/, /grad\/mlp.*weight/, /after\/.*running_var/, /out_eval/],
    loss: [/epoch1\/loss$/, /epoch1\/grad_student$/, /center_before/],
    droppath: [/^vit\/mask/, /^vit\/grad\/.*fc1\.weight/, /^fn\/out/],
    multicrop: [/features$/, /out$/],
    train_adamw: [/^grad@3\/.*fc1\.weight/, /^student@2\/.*norm1\.weight/, /^opt\/exp_avg_sq\/.*fc2\.weight/],
    train_adamw_free: [/^teacher@4\/.*norm1\.weight/],
    train_adamw_bn: [/^student@4\/.*running_var/, /^center_after@2/],
    train_sgd: [/^opt\/momentum_buffer\/.*fc1\.weight/],
    train_lars: [/^schedule\/lr/, /^student_logits@2/, /^gradnorm@3/],
    schedules: [/^cosine3/, /^drop_path0/],
    trunc_normal: [/^case1\/quantiles/],
    augment_ops: [/^hue\//, /^normalize\//],
    augment_pipeline: [/^view\//],
    crop_boxes: [/^trace\/0\/box/, /^stats\//],
    knn: [/neighbours/, /votes/, /ranking/],
    attention: [/network_input/, /maps/, /patch_masks/, /mean_head_mask/, /jaccard$/],
    davis_measures: [/J$/, /F$/, /truth_boundary/, /mean_recall/],
    video: [
      /preprocess\/normalized/,
      /first_segmentation/,
      /propagated/,
      /upsampled/,
      /affinity/,
      /segmentation$/,
      /J$/,
      /F$/,
    ],
    resnet18: [/^after\/layer3.0.bn2.running_var/],
    xcit: [
      /^state\/p16\/blocks.0.local_mp.conv1.weight/,
      /^grad\/p8_two_cls\/.*temperature/,
      /^mid\/p16\/cls_block1/,
    ],
    linear: [/train_features/, /lr$/, /loss$/, /first_step\/weight/, /epoch\/0\/bias/, /val_logits/],
    cluster: [/contingency/, /assignments/, /centres$/],
    retrieval: [/^multi\/similarity/, /ranks/, /easy\/ap/, /hard\/precision_at/, /^ranking\/0\/map/],
    multiscale: [/resized/, /output/],
    pca: [/covariance/, /dvt/, /gram64/],
    hf_vit: [/^hf\/layernorm.weight/, /^hf\/.*query.bias/, /last_hidden_state\/eps1e-12/],
    byol_heads: [
      /^out\/deepmind\/p1/,
      /^grad\/lightly\/prediction/,
      /^teacher_after\/deepmind\/.*running_var/,
    ],
    byol_loss: [/^loss\/uneven/, /^grad_p0\/plain/],
    byol_tau: [/^lightly\/0.99/],
    byol_train_lars: [
      /^p@2/,
      /^grad@1\/.*fc1\.weight/,
      /^student_after@3\/.*running_mean/,
      /^teacher_after@3\/.*qkv/,
    ],
    simclr_ntxent: [/^loss\/plain\/0.5/, /^grad_z1\/two/],
    simclr_head: [/^z\/three_layers/, /^after\/two_layers\/.*running_var/, /^z_eval\/no_batch_norm/],
    mae_model: [
      /^ids_restore\/0.6/,
      /^pred\/0.6/,
      /^target\/normalized/,
      /^unpatchify/,
      /^grad\/.*mask_token/,
    ],
    mae_pos_embed: [/^pos\/16x7/],
    mae_schedule: [/^lr\/0/],
    mae_train: [/^loss@2/, /^state_after@4\/decoder_pred.weight/, /^f64\/state_after@4\/.*fc1.weight/],
    copies: [/metric64/, /whitened\/queries/, /plain\/indices/, /whitened\/ap/, /positives/],
  };
  const cases = covered.flatMap((name) => (targets[name] ?? []).map((tensor) => [name, tensor] as const));

  test('there is an altered number for every fixture that is covered', () => {
    expect(covered.filter((name) => targets[name] === undefined)).toEqual([]);
  });

  test.each(cases)('on %s with one altered number in %s', async (name, tensor) => {
    const report = await checkFile(altered(name, tensor), name);
    expect(report.kind).toBe('checked');
    expect(passes(report)).toBe(false);
    expect(lines(report, 0).filter((line) => line.includes('MISS'))).not.toEqual([]);
  });

  test('on a file that is cut off, empty, or no fixture', async () => {
    const bytes = read('head.safetensors');
    const bare = new TextEncoder().encode('\x02\0\0\0\0\0\0\0{}');
    for (const damaged of [bytes.subarray(0, bytes.length >> 1), new Uint8Array(0), bare]) {
      const report = await checkFile(damaged, 'head');
      expect(report.kind).toBe('error');
      expect(passes(report)).toBe(false);
      expect(lines(report, 0)).toHaveLength(1);
    }
  });

  test('on a setting that the file does not bear out', async () => {
    const bytes = Uint8Array.from(read('pos_interp.safetensors'));
    const text = new TextDecoder('latin1').decode(bytes);
    const at = text.indexOf('[96, 96]');
    bytes.set(new TextEncoder().encode('[95, 96]'), at);
    expect(at).toBeGreaterThan(0);
    expect(await checkFile(bytes, 'pos_interp')).toMatchObject({ kind: 'error' });
  });
});

test('a fixture of later work is named as not covered and is no failure', async () => {
  const bytes = Uint8Array.from(read('pos_interp.safetensors'));
  const text = new TextDecoder('latin1').decode(bytes);
  const at = text.indexOf('pos_interp', text.indexOf('fixture'));
  bytes.set(new TextEncoder().encode('neg_interp'), at);
  const report = await checkFile(bytes, 'neg_interp');
  expect(report).toEqual({ kind: 'not covered', fixture: 'neg_interp' });
  expect(passes(report)).toBe(true);
});
