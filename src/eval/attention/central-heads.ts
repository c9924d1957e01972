/** Which of many heads to show first when nothing is known of the objects: things seldom lie at the border of a picture. */

/**
 * The heads by how little they look at the border: an eighth of the image at each side.
 *
 * @param maps attention to each image, [heads, rows * columns]
 * @returns the numbers of all heads, the most central first, judged by the mean over the images
 */
export function headsByCenter(
  maps: readonly Float32Array[],
  heads: number,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): number[] {
  const isAtEdge = (at: number, places: number): boolean => {
    const edge = Math.max(1, Math.round(places / 8));
    return at < edge || at >= places - edge;
  };
  const places = Array.from({ length: rows * columns }, (_, place) => place);
  const border = places.filter(
    (place) => isAtEdge(Math.floor(place / columns), rows) || isAtEdge(place % columns, columns),
  );
  const atBorder = (head: number): number =>
    maps.reduce(
      (sum, map) => sum + border.reduce((part, place) => part + (map[head * places.length + place] ?? 0), 0),
      0,
    );
  return Array.from({ length: heads }, (_, head) => ({ head, share: atBorder(head) }))
    .sort((a, b) => a.share - b.share)
    .map(({ head }) => head);
}
