/** What lies where weights should: pointers to files that were not fetched, pages and answers of servers, other formats. */
import type { ByteSource } from './byte-source.ts';
import { latin1Text } from './latin1.ts';

/** Beginnings of files, what they are, and the way out. */
const kinds: readonly { readonly begins: RegExp | string; readonly is: string; readonly wayOut: string }[] = [
  {
    begins: /^version https:\/\/git-lfs\.github\.com\/spec/,
    is: 'a Git LFS pointer and not the file itself',
    wayOut: 'run git lfs pull in its folder, or download the file',
  },
  {
    begins: /^(\.\.\/)*\.git\/annex\/objects\/|^\/annex\/objects\//,
    is: 'a git-annex pointer and not the file itself',
    wayOut: 'run git annex get in its folder, or download the file',
  },
  {
    begins: /^\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body|script|title)\b/is,
    is: 'a web page that was saved under this name',
    wayOut: 'download the file itself (a login or a "download" link may stand in between)',
  },
  {
    begins: /^\s*<(\?xml|Error)\b/i,
    is: "an XML text, as servers answer that don't give a file",
    wayOut: 'download it again',
  },
  {
    begins: /^\s*\{\s*"(error|message|detail|code)"/i,
    is: "a server's answer and not a file",
    wayOut: 'download it again',
  },
  { begins: '\u001f\u008b', is: 'a gzip archive', wayOut: 'unpack it and give the file inside' },
  {
    begins: '\u0089HDF\r\n',
    is: 'an HDF5 file, as Keras writes',
    wayOut: 'give weights of PyTorch or safetensors',
  },
  // The version of the format, and then the program that wrote it.
  ...Array.from({ length: 20 }, (_, version) => ({
    begins: `\u0008${String.fromCharCode(version)}\u0012`,
    is: 'an ONNX model, which other programs run',
    wayOut: 'give the run or the weights that it was made of',
  })),
  ...[
    ['JPEG', '\u00ff\u00d8\u00ff'],
    ['PNG', '\u0089PNG\r\n'],
    ['GIF', 'GIF8'],
    ['WebP', /^RIFF.{4}WEBP/s],
    ['TIFF', 'II*\u0000'],
    ['TIFF', 'MM\u0000*'],
  ].map(([name, begins = '']) => ({
    begins,
    is: `an image (${name}) and holds no weights`,
    wayOut: 'give a run folder, or a file or folder of weights',
  })),
  { begins: 'GGUF', is: 'a GGUF file', wayOut: 'give weights of PyTorch or safetensors' },
];

const HEAD = 512;
/** In Latin-1. */
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';

/**
 * What a file is instead of weights or their config, as a sentence's end.
 *
 * @returns undefined for a file that begins like none of these
 */
export function foreignContent(
  source: ByteSource,
): { readonly is: string; readonly wayOut: string } | undefined {
  if (source.size === 0) return { is: 'empty', wayOut: 'download it again' };
  const head = latin1Text(source.read(0, Math.min(HEAD, source.size)));
  const text = head.startsWith(BYTE_ORDER_MARK) ? head.slice(BYTE_ORDER_MARK.length) : head;
  return kinds.find(({ begins }) =>
    typeof begins === 'string' ? text.startsWith(begins) : begins.test(text),
  );
}

/** @throws Error naming what the file is, if it is none of weights */
export function refuseForeign(source: ByteSource): void {
  const found = foreignContent(source);
  if (found !== undefined) throw new Error(`${source.name} is ${found.is}: ${found.wayOut}.`);
}
