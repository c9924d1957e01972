/** A download before the eyes of its user: "model.safetensors: 12 of 84 MB, 3.1 MB/s". */
import { basename } from 'node:path';
import { type DownloadOptions, download } from '../../weights/download-node.ts';
import type { ProgressLine } from './progress.ts';

/** @throws Error as `download` does */
export async function downloadShown(
  url: string,
  path: string,
  line: ProgressLine,
  { before = '', ...options }: Omit<DownloadOptions, 'onProgress'> & { readonly before?: string } = {},
): Promise<void> {
  const started = performance.now();
  let first: number | undefined;
  await download(url, path, {
    ...options,
    onProgress: (done, total) => {
      first ??= done;
      const rate = (done - first) / 1e3 / (performance.now() - started);
      const size = total === undefined ? '' : ` of ${(total / 1e6).toFixed(0)}`;
      line.show(`${before}${basename(path)}: ${(done / 1e6).toFixed(0)}${size} MB, ${rate.toFixed(1)} MB/s`);
    },
  });
}
