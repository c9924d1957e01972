/** Published weights by name, from a server of our own. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { localWeights } from '../../src/cli/local-weights.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { knownWeights, officialNames } from '../../src/weights/known-weights.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { folderWith, huggingFaceTensors, shards, vitConfig } from '../weights/folders.ts';
import { dino, dinoIn } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const file = readFileSync(join(import.meta.dirname, '../golden/checkpoints/backbone.pth'));
const sha256 = createHash('sha256').update(file).digest('hex');

interface Server {
  readonly requests: { readonly url: string; readonly range: string | undefined }[];
  /** What to answer; the whole file with ranges unless set. */
  answer: Answer;
  readonly usual: Answer;
  readonly tag: string;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback that knows one file under every address, and the cache that is downloaded to. */
async function serve(): Promise<Server & { readonly cache: string }> {
  const tag = '"one"';
  const usual: Answer = (request, response) => {
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const start = from !== undefined && request.headers['if-range'] === tag ? Number(from) : 0;
    const part = file.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': part.length, etag: tag });
    response.end(part);
  };
  const state: Server = { requests: [], tag, usual, answer: usual };
  const server = createServer((request, response) => {
    state.requests.push({ url: request.url ?? '', range: request.headers.range });
    state.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const cache = temporaryFolder();
  vi.stubEnv('DINO_CACHE', cache);
  vi.stubEnv('DINO_OFFICIAL_URL', `http://127.0.0.1:${port}/dino`);
  vi.stubEnv('DINO_HUB_URL', `http://127.0.0.1:${port}`);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await new Promise((resolve) => server.close(resolve));
  });
  return Object.assign(state, { cache });
}

/** Sends so many bytes of the file and cuts the connection. */
const cutOff =
  (bytes: number, tag: string) =>
  (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': file.length, etag: tag });
    response.write(file.subarray(0, bytes), () => response.destroy());
  };

describe('published weights', () => {
  it('are downloaded once, and open like any file', async () => {
    const server = await serve();
    const said = await dino('inspect', 'dino_vits16', '--heads', '2');
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('whole: every tensor of the network is there');
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/dino/dino_deitsmall16_pretrain/dino_deitsmall16_pretrain.pth',
    ]);
    const path = await localWeights('dino_vits16');
    expect(readFileSync(path)).toEqual(file);
    expect(JSON.parse(readFileSync(`${path}.json`, 'utf8'))).toMatchObject({ bytes: file.length, sha256 });
    expect(server.requests).toHaveLength(1);
  });

  it('of the Hub are a folder that evaluations take', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images, 'vit');
    await dino('export', run, '--to', 'huggingface');
    const server = await serve();
    server.answer = (request, response) => {
      const name = (request.url ?? '').replace('/me/my.model-1/resolve/main/', '');
      response.end(readFileSync(join(run, 'export/huggingface', name)));
    };
    const said = await dinoIn(
      temporaryFolder(),
      'eval',
      'knn',
      'me/my.model-1',
      '--train',
      images,
      '--k',
      '3',
      '--json',
      '--no-report',
    );
    expect(said).toMatchObject({ code: 0 });
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/me/my.model-1/resolve/main/config.json',
      '/me/my.model-1/resolve/main/preprocessor_config.json',
      '/me/my.model-1/resolve/main/model.safetensors',
    ]);
    // What is there needs no network.
    server.answer = (_, response) => void response.writeHead(500).end();
    expect(openSubject(await localWeights('me/my.model-1')).preprocessingOrigin).toMatch(
      /preprocessor_config\.json$/,
    );
    expect(server.requests).toHaveLength(3);
  });

  it.each([
    ['shards', shards(huggingFaceTensors(), 'safetensors')],
    ['a pytorch_model.bin', { 'pytorch_model.bin': huggingFaceTensors() }],
  ])('of the Hub may be %s', async (_, files) => {
    const folder = folderWith({ 'config.json': vitConfig, ...files });
    const server = await serve();
    server.answer = (request, response) => {
      const path = join(folder, (request.url ?? '').replace('/me/model/resolve/main/', ''));
      if (existsSync(path)) response.end(readFileSync(path));
      else response.writeHead(404).end();
    };
    expect(openSubject(await localWeights('me/model')).backbone).toMatchObject({ dim: 16, heads: 2 });
  });

  it('of the Hub that are not there say that nothing is at that path either', async () => {
    const server = await serve();
    server.answer = (_, response) => void response.writeHead(404).end();
    await expect(localWeights('nobody/nothing')).rejects.toThrow(
      /There is nothing at nobody\/nothing here, and as a name of the Hub: .*config\.json does not exist/,
    );
  });

  it('go on where a download was cut off', async () => {
    const server = await serve();
    server.answer = cutOff(1000, server.tag);
    await expect(localWeights('dino_vits8')).rejects.toThrow(
      /was cut off after 1000 .*run the same command again/,
    );
    server.answer = server.usual;
    const path = await localWeights('dino_vits8');
    expect(server.requests.at(-1)?.range).toBe('bytes=1000-');
    expect(readFileSync(path)).toEqual(file);
  });

  it('begin again when the file on the server is another one by now', async () => {
    const server = await serve();
    server.answer = cutOff(1000, '"older"');
    await expect(localWeights('dino_vits8')).rejects.toThrow('cut off');
    server.answer = server.usual;
    expect(readFileSync(await localWeights('dino_vits8'))).toEqual(file);
  });

  it('that were damaged in the cache are fetched again', async () => {
    const server = await serve();
    const path = await localWeights('dino_vitb8');
    const damaged = Buffer.from(file);
    damaged[500] = damaged[500]! ^ 1;
    writeFileSync(path, damaged);
    expect(readFileSync(await localWeights('dino_vitb8'))).toEqual(file);
    expect(server.requests).toHaveLength(2);
  });

  it('are refused when their checksum is another one than promised', async () => {
    const server = await serve();
    server.answer = (_, response) => {
      response.writeHead(200, { 'x-linked-etag': `"${'0'.repeat(64)}"` });
      response.end(file);
    };
    await expect(localWeights('dino_vits16')).rejects.toThrow(/another checksum than the server promised/);
    expect(existsSync(join(server.cache, 'official/dino_deitsmall16_pretrain.pth'))).toBe(false);
  });

  it.each([
    [404, /does not exist or is not public \(HTTP 404\): check the name/],
    [503, /was refused \(HTTP 503\): try again later/],
  ])('say what a server answers with %i', async (status, message) => {
    const server = await serve();
    server.answer = (_, response) => {
      response.writeHead(status);
      response.end('no');
    };
    await expect(localWeights('dino_vits16')).rejects.toThrow(message);
  });

  it('are not taken from a web page, and say when there is no network', async () => {
    const server = await serve();
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end('<html>');
    };
    await expect(localWeights('dino_vits16')).rejects.toThrow('is a web page instead of a file');
    vi.stubEnv('DINO_OFFICIAL_URL', 'http://127.0.0.1:9');
    await expect(localWeights('dino_vits16')).rejects.toThrow(/cannot be reached .*: go online, or download/);
  });

  it('have names that are near when one is misspelt', async () => {
    await expect(localWeights('dino_vit16')).rejects.toThrow('dino_vits16 is near');
    expect(await localWeights('no/such/folder')).toBe('no/such/folder');
    for (const name of officialNames)
      expect(knownWeights(name)).toMatchObject({ file: { url: expect.stringMatching(/^https:.*\.pth$/) } });
  });
});
