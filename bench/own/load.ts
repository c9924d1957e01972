/** Every tensor of a file of torch.save as a float32 array by name. */
import { openFile } from '../../src/files/file-source-node.ts';
import { f32 } from '../../src/format/safetensors.ts';
import { openStateDict } from '../../src/weights/state-dict.ts';
import { serve } from './protocol.ts';

await serve(async ({ file }) => async () => {
  const source = openFile(String(file));
  const tensors = new Map(
    [...openStateDict(source).tensors].map(([name, tensor]) => [name, f32(tensor.read())]),
  );
  source.close();
  let numbers = 0;
  for (const { length } of tensors.values()) numbers += length;
  const last = tensors.get('norm.bias')?.at(-1) ?? Number.NaN;
  return { tensors: tensors.size, numbers, last };
});
