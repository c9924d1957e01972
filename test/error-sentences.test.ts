/** Errors are sentences: they begin with a capital letter and end in a full stop, wherever in the sources they are written. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { asSentence } from '../src/cli/terminal/sentence.ts';

/** What follows the name of an operation or of a file, as in "conv2d: wants the convolution". */
const fragments =
  /^src\/(graph\/|data\/parquet-column|image\/(decode-node|levels)|eval\/classify\/linear-features|engine\/ort-library)/;

interface Message {
  readonly file: string;
  /** Of a template the text before its first and after its last value; the same text where there is none. */
  readonly head: string;
  readonly tail: string;
  readonly text: string;
}

function messagesOf(file: string): Message[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Message[] = [];
  const read = (node: ts.Expression): void => {
    const text = node.getText();
    if (ts.isConditionalExpression(node)) {
      read(node.whenTrue);
      read(node.whenFalse);
    } else if (ts.isStringLiteralLike(node)) found.push({ file, head: node.text, tail: node.text, text });
    else if (ts.isTemplateExpression(node))
      found.push({ file, head: node.head.text, tail: node.templateSpans.at(-1)?.literal.text ?? '', text });
  };
  const visit = (node: ts.Node): void => {
    const [message] = ts.isNewExpression(node) ? (node.arguments ?? []) : [];
    if (ts.isNewExpression(node) && message !== undefined && /^\w*Error$/.test(node.expression.getText()))
      read(message);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

describe('error messages in the sources', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('src', name));
  const messages = files.filter((file) => !fragments.test(file)).flatMap(messagesOf);

  it('begin with a capital letter, a name or a number', () => {
    expect(messages.length).toBeGreaterThan(300);
    expect(messages.filter(({ head }) => /^[a-z]/.test(head))).toEqual([]);
  });

  it('end in a full stop, in a command or in what somebody else says', () => {
    const open = messages.filter(({ tail, text }) => !/[.?!…]$|^$/.test(tail) && !text.includes('? dino '));
    expect(open).toEqual([]);
  });
});

describe('an error as it is printed', () => {
  it.each([
    ['ENOENT: no such file, open "a"', 'ENOENT: no such file, open "a".'],
    ['ONNX Runtime failed: bad input\n', 'ONNX Runtime failed: bad input.'],
    ['Give a smaller --k.', 'Give a smaller --k.'],
    ['There is no flag --lrr. Did you mean --lr?', 'There is no flag --lrr. Did you mean --lr?'],
    ['Which run? dino export <run> --train_step', 'Which run? dino export <run> --train_step'],
  ])('%j', (message, printed) => {
    expect(asSentence(message)).toBe(printed);
  });
});
