/** What becomes of an evaluation's earlier result. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EarlierResult } from '../../src/cli/earlier-result.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { temporaryFolder } from '../data/fixtures.ts';

/** A folder for results, and what a command does there: it writes a file and then its record. */
function results() {
  const folder = RunFolder.at(temporaryFolder());
  const found = (command: string, more: object = {}): string | undefined => {
    const earlier = new EarlierResult(folder, 'dedupe', command);
    const kept = earlier.keep();
    folder.writeTextAtomic('eval/dedupe/drop.txt', `found by ${command}`);
    expect(earlier.keep()).toBe(kept);
    folder.writeTextAtomic('eval/dedupe.json', JSON.stringify({ command, ...more }));
    return kept;
  };
  const text = (name: string) => readFileSync(join(folder.path, 'eval', name), 'utf8');
  const history = () => (folder.has('eval/history') ? readdirSync(folder.file('eval/history')).sort() : []);
  return { folder, found, text, history };
}

describe('an earlier result', () => {
  it('of another command is kept with its files, of the same one replaced', () => {
    const { found, text, history } = results();
    expect(found('dino dedupe run a')).toBeUndefined();
    // How it is printed and with how many threads it is found makes no other command.
    expect(found('dino dedupe run a --json --threads 2')).toBeUndefined();
    expect(found('dino dedupe run a --threads=1 --no_report')).toBeUndefined();
    expect(history()).toEqual([]);
    expect(found('dino dedupe run b')).toBe('eval/history/dedupe-1');
    expect(history()).toEqual(['dedupe-1', 'dedupe-1.json']);
    expect(text('history/dedupe-1/drop.txt')).toBe('found by dino dedupe run a --threads=1 --no_report');
    expect(text('dedupe/drop.txt')).toBe('found by dino dedupe run b');
    expect(found('dino dedupe run a')).toBe('eval/history/dedupe-2');
    expect(found('dino dedupe run b')).toBe('eval/history/dedupe-1');
    expect(text('history/dedupe-1/drop.txt')).toBe('found by dino dedupe run a');
    expect(history()).toEqual(['dedupe-1', 'dedupe-1.json', 'dedupe-2', 'dedupe-2.json']);
  });

  it('that moved images away is kept whatever comes after it, for nothing finds it again', () => {
    const { found, text, history } = results();
    const command = 'dino dedupe run a --move away';
    found(command, { moved: 20 });
    expect(found(command, { moved: 0 })).toBe('eval/history/dedupe-1');
    expect(found(command, { moved: 3 })).toBeUndefined();
    expect(found('dino dedupe run a')).toBe('eval/history/dedupe-2');
    expect(JSON.parse(text('history/dedupe-1.json'))).toEqual({ command, moved: 20 });
    expect(JSON.parse(text('history/dedupe-2.json'))).toEqual({ command, moved: 3 });
    expect(history()).toHaveLength(4);
  });

  it('takes all its files with it, and its record leads to them', () => {
    const { folder, found, text, history } = results();
    const page = folder.file('eval/dedupe/page-2.html');
    found('dino dedupe run a', { page, source: 'eval/dedupe/page-2.html' });
    folder.writeTextAtomic('eval/dedupe/page-2.html', 'the page of a');
    found('dino dedupe run b');
    expect(readdirSync(folder.file('eval/dedupe'))).toEqual(['drop.txt']);
    expect(text('history/dedupe-1/page-2.html')).toBe('the page of a');
    expect(JSON.parse(text('history/dedupe-1.json'))).toEqual({
      command: 'dino dedupe run a',
      page: folder.file('eval/history/dedupe-1/page-2.html'),
      source: 'eval/dedupe/page-2.html',
    });
    // What a found even before goes with all its files.
    found('dino dedupe run a');
    found('dino dedupe run b');
    expect(readdirSync(folder.file('eval/history/dedupe-1'))).toEqual(['drop.txt']);
    expect(history()).toEqual(['dedupe-1', 'dedupe-1.json', 'dedupe-2', 'dedupe-2.json']);
  });

  it('that is damaged is kept as it is', () => {
    const { folder, found, text } = results();
    folder.writeTextAtomic('eval/dedupe.json', '{"command": "dino');
    expect(found('dino dedupe run a')).toBe('eval/history/dedupe-1');
    expect(text('history/dedupe-1.json')).toBe('{"command": "dino');
  });
});
