/**
 * Files from the network, kept in a cache. A download that was cut off goes on where it stopped (HTTP ranges, and only while
 * the server's file is still the same one); a file gets its name when it is whole and its checksum fits. Beside it lies
 * `<name>.json` with the SHA-256 of what was received, by which a file that was damaged later is noticed and fetched again.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../files/make-folder-node.ts';
import { hasCode, isAlive } from '../files/system-node.ts';

export interface DownloadOptions {
  /** Bytes that are there and bytes in all, undefined where the server does not tell. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** Of the file, where it is known beforehand. */
  readonly sha256?: string;
}

const receiptSchema = z.object({ url: z.string(), bytes: z.number(), sha256: z.string() });
/** Which file on the server a part is of. */
const partSchema = z.object({ url: z.string(), version: z.string() });

/** What a server answers that has no such file, or none that is public. */
export class NotThereError extends Error {}

/**
 * Fetches a file into the cache unless it is there.
 *
 * @param path where it is to be
 * @throws NotThereError if the server has no such file
 * @throws Error in one sentence: offline, refused by the server, cut off, of another checksum, or the disk is full
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  if (await isWhole(path, url, options.sha256)) return;
  makeFolder(dirname(path));
  const unlock = lock(`${path}.lock`, url);
  try {
    await receiveInto(path, url, options);
  } finally {
    unlock();
  }
}

/** @throws Error if another process fetches the file; the lock of one that is gone does not count */
function lock(file: string, url: string): () => void {
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const holder = Number(readFileSync(file, 'utf8'));
    if (holder !== process.pid && isAlive(holder))
      throw new Error(
        `${url} is being downloaded by another process (${holder}): wait for it, or delete ${file}.`,
      );
    rmSync(file, { force: true });
  }
}

async function receiveInto(
  path: string,
  url: string,
  { onProgress, sha256: expected }: DownloadOptions,
): Promise<void> {
  const part = `${path}.part`;
  const version = `${path}.part.json`;
  const before = partOf(part, version, url);
  const response = await request(url, before);
  const resumes = response.status === 206 && before !== undefined;
  const start = resumes ? before.bytes : 0;
  const length = response.headers.get('content-length');
  const total = length === null ? undefined : start + Number(length);
  if (!resumes) rmSync(part, { force: true });
  const tag = versionOf(response);
  if (tag !== undefined) writeFileSync(version, JSON.stringify({ url, version: tag }));
  const hash = createHash('sha256');
  if (resumes) for await (const chunk of createReadStream(part)) hash.update(chunk);
  const done = await receive(response, { part, start, hash, url, total, onProgress });
  const sha256 = hash.digest('hex');
  const wanted = expected ?? checksumOf(response);
  if (wanted !== undefined && wanted !== sha256) {
    for (const file of [part, version]) rmSync(file, { force: true });
    throw new Error(
      `${url} arrived with another checksum than ${expected === undefined ? 'the server promised' : 'its own'} (${sha256.slice(0, 12)}… instead of ${wanted.slice(0, 12)}…): try again.`,
    );
  }
  renameSync(part, path);
  rmSync(version, { force: true });
  writeFileSync(`${path}.json`, `${JSON.stringify({ url, bytes: done, sha256 })}\n`);
}

/** Whether the file is there, of this address and as it was received; one that is not goes. */
async function isWhole(path: string, url: string, sha256?: string): Promise<boolean> {
  const receipt = readJson(`${path}.json`, receiptSchema);
  if (receipt === undefined || receipt.url !== url || !existsSync(path)) return false;
  if (sha256 !== undefined && receipt.sha256 !== sha256) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  if (hash.digest('hex') === receipt.sha256) return true;
  rmSync(path, { force: true });
  return false;
}

function partOf(
  part: string,
  version: string,
  url: string,
): { readonly bytes: number; readonly version: string } | undefined {
  const status = statSync(part, { throwIfNoEntry: false });
  const known = readJson(version, partSchema);
  if (status === undefined || status.size === 0 || known?.url !== url) return undefined;
  return { bytes: status.size, version: known.version };
}

async function request(
  url: string,
  part: { readonly bytes: number; readonly version: string } | undefined,
): Promise<Response> {
  // Without compression, so that bytes are counted in the file's own.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (part !== undefined) {
    headers.range = `bytes=${part.bytes}-`;
    headers['if-range'] = part.version;
  }
  let response: Response;
  try {
    response = await fetch(url, { headers });
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(
      `${url} cannot be reached (${cause}): go online, or download the file by other means and give its path.`,
    );
  }
  if (response.status === 416 && part !== undefined) return request(url, undefined);
  if (response.status === 404 || response.status === 401)
    throw new NotThereError(
      `${url} does not exist or is not public (HTTP ${response.status}): check the name.`,
    );
  if (!response.ok) throw new Error(`${url} was refused (HTTP ${response.status}): try again later.`);
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/html'))
    throw new Error(`${url} is a web page instead of a file: a proxy may ask for a login.`);
  return response;
}

interface Reception {
  readonly part: string;
  readonly start: number;
  readonly hash: ReturnType<typeof createHash>;
  readonly url: string;
  readonly total: number | undefined;
  readonly onProgress: DownloadOptions['onProgress'];
}

/** Appends what comes to the part. @returns bytes of the whole file */
async function receive(
  response: Response,
  { part, start, hash, url, total, onProgress }: Reception,
): Promise<number> {
  const file = openSync(part, 'a');
  let done = start;
  try {
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
      const chunk: Uint8Array = next.value;
      for (let at = 0; at < chunk.length; ) at += write(file, chunk, at, part);
      hash.update(chunk);
      done += chunk.length;
      onProgress?.(done, total);
    }
  } catch (error) {
    if (error instanceof DiskError) throw error;
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${url} was cut off after ${done} bytes (${cause}): run the same command again to go on.`,
    );
  } finally {
    closeSync(file);
  }
  if (total !== undefined && done !== total)
    throw new Error(
      `${url} was cut off after ${done} of ${total} bytes: run the same command again to go on.`,
    );
  return done;
}

class DiskError extends Error {}

function write(file: number, chunk: Uint8Array, at: number, part: string): number {
  try {
    return writeSync(file, chunk, at);
  } catch (error) {
    throw new DiskError(
      `${part} could not be written (${error instanceof Error ? error.message : error}): make room, or set DINO_CACHE to another folder.`,
    );
  }
}

/** What tells one version of the server's file from another; weak tags do not. */
function versionOf({ headers }: Response): string | undefined {
  const tag = headers.get('etag');
  return (tag?.startsWith('"') ? tag : undefined) ?? headers.get('last-modified') ?? undefined;
}

/** The SHA-256 that the Hugging Face Hub gives as the tag of large files. */
function checksumOf({ headers }: Response): string | undefined {
  const tag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replaceAll('"', '');
  return /^[0-9a-f]{64}$/.test(tag) ? tag : undefined;
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined; // not there, or from a process that was killed: as if it were not
  }
}
