/**
 * A package index for Python, as pip asks it (the "simple" interface, PEP 503 and 691): a page a package, which lists the addresses
 * of its files with their checksums. Mirrors of companies have the same.
 */
import { z } from 'zod';
import type { Wheel } from './plugin-packages.ts';

export const PUBLIC_INDEX = 'https://pypi.org/simple';

const pageSchema = z.object({
  files: z.array(z.object({ url: z.string(), hashes: z.record(z.string(), z.string()) })),
});

/**
 * Where a wheel is, by its checksum.
 *
 * @throws Error in one sentence: the index cannot be reached, has no such package, or not this file of it
 */
export async function wheelAddress(index: string, { name, version, sha256 }: Wheel): Promise<string> {
  const page = `${index.replace(/\/+$/, '')}/${name}/`;
  const found = (await filesOf(page)).find((file) => file.sha256 === sha256);
  if (found !== undefined) return found.url;
  throw new Error(
    `${page} has no file of ${name} ${version} with the checksum ${sha256.slice(0, 12)}…: give another --index, such as ${PUBLIC_INDEX}.`,
  );
}

async function filesOf(
  page: string,
): Promise<{ readonly url: string; readonly sha256: string | undefined }[]> {
  let response: Response;
  try {
    response = await fetch(page, {
      headers: { accept: 'application/vnd.pypi.simple.v1+json, text/html;q=0.1' },
    });
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`${page} cannot be reached (${cause}): go online, or give another --index.`);
  }
  if (response.status === 404)
    throw new Error(`${page} does not exist (HTTP 404): give the --index of a mirror that has this package.`);
  if (!response.ok)
    throw new Error(
      `${page} was refused (HTTP ${response.status}): try again later, or give another --index.`,
    );
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  const text = await response.text();
  const files = isJson ? filesOfJson(text, page) : filesOfHtml(text);
  return files.map(({ url, sha256 }) => ({ url: new URL(url, response.url).href, sha256 }));
}

function filesOfJson(text: string, page: string): { url: string; sha256: string | undefined }[] {
  try {
    const { files } = pageSchema.parse(JSON.parse(text));
    return files.map(({ url, hashes }) => ({ url, sha256: hashes.sha256 }));
  } catch {
    throw new Error(
      `${page} is no page of a package index: give the address that pip would be given, as ${PUBLIC_INDEX}.`,
    );
  }
}

/** Links, whose fragments are checksums: `<a href="../x.whl#sha256=...">`. */
function filesOfHtml(text: string): { url: string; sha256: string | undefined }[] {
  return [...text.matchAll(/href\s*=\s*["']([^"'#]+)(?:#sha256=([0-9a-f]{64}))?/gi)].map(
    ([, url = '', sha256]) => ({ url: url.replaceAll('&amp;', '&'), sha256: sha256?.toLowerCase() }),
  );
}
