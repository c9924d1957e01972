/**
 * HEIC, the photos of iPhones, with libheif compiled to WebAssembly: sharp's libvips comes without a decoder for it. The library
 * is loaded when the first such file is met. It turns images upright itself; of several images the primary one is taken.
 */
import type { LibHeif } from 'libheif-js/libheif-wasm/libheif-bundle.mjs';
import { damageOr, undecodable } from './decode-faults.ts';
import { ImageError } from './image-error.ts';

/** Brands of files whose images are HEVC (ISO/IEC 23008-12, annex B.4). */
const BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx']);

/** Whether a file is HEIC by its first box, whatever its name ends in. */
export function isHeic(bytes: Uint8Array): boolean {
  if (bytes.length < 16 || textAt(bytes, 4) !== 'ftyp') return false;
  const end = Math.min(bytes.length, new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
  for (let at = 8; at + 4 <= end; at += 4) if (BRANDS.has(textAt(bytes, at))) return true;
  return false;
}

function textAt(bytes: Uint8Array, from: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + 4));
}

let library: Promise<LibHeif> | undefined;

function loadLibrary(): Promise<LibHeif> {
  library ??= import('libheif-js/libheif-wasm/libheif-bundle.mjs').then(({ default: load }) => load());
  return library;
}

/** Pixels with transparency, upright: [height, width, 4]. */
export interface HeicPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * @param name what errors call the file
 * @param most pixels; a file with more is refused before it is unpacked
 * @throws (rejects) one sentence naming the file if it is damaged or too large
 */
export async function decodeHeic(bytes: Uint8Array, name: string, most: number): Promise<HeicPixels> {
  const heif = await loadLibrary();
  const failed = (reason: string): Error => undecodable(name, damageOr(reason));
  const context = heif.heif_context_alloc();
  try {
    const opened = heif.heif_context_read_from_memory(context, bytes);
    if (opened.code !== heif.heif_error_code.heif_error_Ok) throw failed(opened.message);
    const handle = heif.heif_js_context_get_primary_image_handle(context);
    if (handle.code !== undefined) throw failed(handle.message);
    try {
      const [width, height] = [
        heif.heif_image_handle_get_width(handle),
        heif.heif_image_handle_get_height(handle),
      ];
      if (width * height > most)
        throw new ImageError(name, `has more than ${most} pixels: make it smaller or remove it.`);
      const decoded = await heif.heif_js_decode_image2(
        handle,
        heif.heif_colorspace.heif_colorspace_RGB,
        heif.heif_chroma.heif_chroma_interleaved_RGBA,
      );
      if (decoded.code !== undefined) throw failed(decoded.message);
      try {
        const [pixels] = decoded.channels;
        if (pixels === undefined) throw undecodable(name, 'it has no colors');
        return { width: pixels.width, height: pixels.height, data: withoutPadding(pixels) };
      } finally {
        heif.heif_image_release(decoded.image);
      }
    } finally {
      heif.heif_image_handle_release(handle);
    }
  } finally {
    heif.heif_context_free(context);
  }
}

/** Rows one after another, copied from the library's memory. */
function withoutPadding({
  width,
  height,
  stride,
  data,
}: HeicPixels & { readonly stride: number }): Uint8Array {
  const rowBytes = 4 * width;
  const out = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y++) out.set(data.subarray(y * stride, y * stride + rowBytes), y * rowBytes);
  return out;
}
