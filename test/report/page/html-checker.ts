/** Checks that a document's tags nest and its attributes are quoted: stricter than a browser, enough for pages we write. */

const voidTags = new Set(['meta', 'img', 'br', 'hr', 'link', 'input', 'wbr']);

/** The names of the elements in document order. Throws at the first thing that is not well-formed. */
export function elementNames(document: string): string[] {
  const text = document.replace(/<style>[^<]*<\/style>/g, '<style></style>');
  const open: string[] = [];
  const names: string[] = [];
  const tag =
    /<(?:!doctype html|\/([a-z][a-z0-9]*)|([a-z][a-z0-9]*)((?: [a-zA-Z][a-zA-Z-]*(?:="[^"<>]*")?)*)(\/?))>/y;
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', tag.lastIndex)) {
    if (/>/.test(text.slice(tag.lastIndex, at)))
      throw new Error(`a bare > before ${text.slice(at, at + 60)}`);
    tag.lastIndex = at;
    const match = tag.exec(text);
    if (match === null) throw new Error(`not a tag: ${text.slice(at, at + 80)}`);
    const [, closing, opening, , selfClosing] = match;
    if (closing !== undefined && open.pop() !== closing) throw new Error(`unexpected </${closing}>`);
    if (opening !== undefined) {
      names.push(opening);
      if (selfClosing === '' && !voidTags.has(opening)) open.push(opening);
    }
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join(', ')}`);
  return names;
}
