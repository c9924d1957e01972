/**
 * What package-lock.json says of install scripts. No dependency needs one, and that of onnxruntime-node fetches files for CUDA
 * that nothing here uses. npm 11 and newer ask `allowScripts` in package.json; older ones run the scripts of all packages that
 * are marked in the lock file, so that none is marked.
 */
import { z } from 'zod';

const packageSchema = z.looseObject({
  hasInstallScript: z.boolean().optional(),
  dev: z.boolean().optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
});
const lockSchema = z.looseObject({ packages: z.record(z.string(), packageSchema) });
export type LockFile = z.infer<typeof lockSchema>;

/** @throws ZodError if it is none of npm 7 or newer */
export function parseLock(text: string): LockFile {
  return lockSchema.parse(JSON.parse(text));
}

/** Names of the packages that are marked. */
export function markedPackages({ packages }: LockFile): string[] {
  return Object.keys(packages).filter((name) => packages[name]?.hasInstallScript === true);
}

export function withoutMarks(lock: LockFile): LockFile {
  const packages = Object.entries(lock.packages).map(([name, { hasInstallScript: _, ...rest }]) => [
    name,
    rest,
  ]);
  return { ...lock, packages: Object.fromEntries(packages) };
}

/** The part that those who install the package get, as its npm-shrinkwrap.json: nothing that is for development alone. */
export function forUsers(lock: LockFile): LockFile {
  const { packages } = withoutMarks(lock);
  const kept = Object.entries(packages).flatMap(([name, { devDependencies: _, ...rest }]) =>
    rest.dev === true ? [] : [[name, rest] as const],
  );
  return { ...lock, packages: Object.fromEntries(kept) };
}

export function lockText(lock: LockFile): string {
  return `${JSON.stringify(lock, null, 2)}\n`;
}
