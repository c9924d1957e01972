/** What is wrong with an image, apart from its name: lists name the image themselves. */

/** An image that cannot be read; its message is a sentence that begins with the image's name. */
export class ImageError extends Error {
  override name = 'ImageError';
  /** The image, such as its path. */
  readonly image: string;
  /** The sentence without the name: 'cannot be decoded (it is empty): replace or remove it.' */
  readonly reason: string;

  constructor(image: string, reason: string, options?: ErrorOptions) {
    super(`${image} ${reason}`, options);
    this.image = image;
    this.reason = reason;
  }
}

/** Why an image was left out, to stand behind its name. */
export function imageReason(error: unknown): string {
  if (error instanceof ImageError) return error.reason;
  const message = error instanceof Error ? error.message : String(error);
  return `cannot be read (${message.replace(/\.$/, '')}).`;
}
