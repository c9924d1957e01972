import { expect, it } from 'vitest';
import { latin1Text } from '../../src/format/latin1.ts';

it('gives every byte the character of its number, in any version of Node', () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => i % 256);
  const text = latin1Text(bytes);
  expect(text).toHaveLength(20_000);
  for (let i = 0; i < text.length; i++) expect(text.charCodeAt(i)).toBe(i % 256);
  expect(latin1Text(new Uint8Array())).toBe('');
});
