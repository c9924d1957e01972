/** Where results lie while they are needed: values that are never needed at one time share memory. */

export interface Span {
  readonly words: number;
  /** The first and the last step in which it is needed. */
  readonly first: number;
  readonly last: number;
}

export interface Placed {
  /** Which of several pieces of memory. */
  readonly piece: number;
  readonly word: number;
}

/** Words at which values may begin. */
const STEP = 4;

/**
 * @param largest words of a piece
 * @returns where each lies, and the words of each piece
 */
export function placeSpans(
  spans: readonly Span[],
  largest: number,
): { readonly placed: readonly Placed[]; readonly pieces: readonly number[] } {
  const placed: Placed[] = [];
  const pieces: number[] = [];
  const done: { readonly span: Span; readonly piece: number; readonly from: number; readonly to: number }[] =
    [];
  const order = spans.map((_, i) => i).sort((a, b) => (spans[b]?.words ?? 0) - (spans[a]?.words ?? 0));
  for (const i of order) {
    const span = spans[i];
    if (span === undefined) continue;
    const size = Math.ceil(span.words / STEP) * STEP;
    const beside = done.filter(({ span: { first, last } }) => first <= span.last && last >= span.first);
    for (let piece = 0; ; piece++) {
      const taken = beside.filter((each) => each.piece === piece).sort((a, b) => a.from - b.from);
      let from = 0;
      for (const each of taken) {
        if (each.from - from >= size) break;
        from = Math.max(from, each.to);
      }
      if (from + size > largest && from > 0) continue;
      placed[i] = { piece, word: from };
      pieces[piece] = Math.max(pieces[piece] ?? 0, from + size);
      done.push({ span, piece, from, to: from + size });
      break;
    }
  }
  return { placed, pieces };
}
