/** What evaluations say of images that they had to leave out. */

/** Says how many images could not be read, if any. */
export function warnOfSkipped(
  skipped: readonly { readonly key: string; readonly reason: string }[],
  warn: (text: string) => void,
): void {
  const [first] = skipped;
  if (first === undefined) return;
  warn(
    skipped.length === 1
      ? `1 image was left out because it could not be read: ${first.key}, ${first.reason}`
      : `${skipped.length} images were left out because they could not be read, ${first.key} among them: ${first.reason}`,
  );
}
