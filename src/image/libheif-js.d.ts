/** The part of libheif-js that is used here; its own types describe another interface. */
declare module 'libheif-js/libheif-wasm/libheif-bundle.mjs' {
  /** An object of C++, to be released. */
  interface Handle {
    readonly code?: undefined;
  }

  interface Failure {
    readonly code: object;
    readonly message: string;
  }

  interface DecodedImage extends Handle {
    readonly image: Handle;
    readonly channels: readonly {
      readonly width: number;
      readonly height: number;
      /** Bytes from row to row. */
      readonly stride: number;
      readonly data: Uint8Array;
    }[];
  }

  export interface LibHeif {
    readonly heif_error_code: { readonly heif_error_Ok: object };
    readonly heif_colorspace: { readonly heif_colorspace_RGB: unknown };
    readonly heif_chroma: { readonly heif_chroma_interleaved_RGBA: unknown };
    heif_context_alloc(): Handle;
    heif_context_free(context: Handle): void;
    heif_context_read_from_memory(context: Handle, bytes: Uint8Array): Failure;
    heif_js_context_get_primary_image_handle(context: Handle): Handle | Failure;
    heif_image_handle_get_width(image: Handle): number;
    heif_image_handle_get_height(image: Handle): number;
    heif_image_handle_release(image: Handle): void;
    heif_js_decode_image2(
      image: Handle,
      colorSpace: unknown,
      chroma: unknown,
    ): Promise<DecodedImage | Failure> | DecodedImage | Failure;
    heif_image_release(image: Handle): void;
  }

  export default function load(): LibHeif;
}
