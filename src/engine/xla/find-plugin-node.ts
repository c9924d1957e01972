/** Finds XLA plugins on this machine. Names of files are looked at; nothing is opened and nothing is executed. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { cacheFolder } from '../../files/cache-folder-node.ts';
import { EngineError } from '../engine.ts';
import { type KnownPlugin, knownPlugins, type Vendor } from './known-plugins.ts';

/** A plugin that is there, or a file that was given as one. */
export interface FoundPlugin {
  /** Of a file that nothing is known about the file's name. */
  readonly name: string;
  /** Undefined where it cannot be told from the file's name. */
  readonly vendor: Vendor | undefined;
  readonly file: string;
  /** The folder of Python packages that it lies in, where the libraries that it needs may lie as well. */
  readonly packages: string | undefined;
}

/** What `dino devices` says of a plugin. */
export interface ListedPlugin extends KnownPlugin {
  readonly found: FoundPlugin | undefined;
  /** Whether a device for it is likely there. */
  readonly hasDevice: boolean;
}

/** Where to look. */
export interface Places {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  /** What stands before all other paths; nothing but in tests. */
  readonly root: string;
}

const thisMachine = (): Places => ({ env: process.env, home: homedir(), root: '' });

/** Something with a folder in it, or the ending of a library. */
const PATH = /[/\\]|\.(so|dylib|dll)(\.\d+)*$/i;

/**
 * @param asked a file, or a name of `known-plugins.ts` or of PJRT_NAMES_AND_LIBRARY_PATHS; unless given, the first plugin whose
 *   device is likely there
 * @returns undefined if nothing was asked for and there is no accelerator with its plugin
 * @throws EngineError for a name that is unknown, or whose plugin is not here
 */
export function findPlugin(asked?: string, places: Places = thisMachine()): FoundPlugin | undefined {
  if (asked === undefined)
    return listPlugins(places).find(({ vendor, hasDevice, found }) => vendor !== 'cpu' && hasDevice && found)
      ?.found;
  if (PATH.test(asked)) return describeFile(asked);
  const known = knownPlugins.find(({ name }) => name === asked);
  const found = known === undefined ? namedByEnvironment(asked, places) : locate(known, places);
  if (found !== undefined) return found;
  if (known === undefined)
    throw new EngineError(
      `No plugin is known by the name ${asked}: give ${nearest(asked)}, or the path of a plugin's file.`,
    );
  throw new EngineError(
    `The plugin ${asked} (${known.devices}) is not on this machine: get it by ${known.get}, or give the path of its file.`,
  );
}

/** All plugins that are known by name, those that are here and those that are not. */
export function listPlugins(places: Places = thisMachine()): ListedPlugin[] {
  return knownPlugins.map((known) => ({
    ...known,
    found: locate(known, places),
    hasDevice: hasDevice(known.vendor, places),
  }));
}

/** Whether the system shows a device of this kind. */
export function hasDevice(vendor: Vendor, { root }: Places = thisMachine()): boolean {
  const signs = knownPlugins.filter((known) => known.vendor === vendor).flatMap((known) => known.signs);
  return vendor === 'cpu' || signs.some((sign) => matching(join(root, sign)).length > 0);
}

/** Where `dino devices --install` puts a plugin: a folder that is laid out as one of Python packages. */
export function installFolder(name: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(env), 'plugins', name);
}

/** Folders of Python packages that are there: of the active environment, then of the system. */
export function packageFolders({ env, home, root }: Places = thisMachine()): string[] {
  const environments = [env.VIRTUAL_ENV, env.CONDA_PREFIX].filter((x) => x !== undefined && x !== '');
  return [
    ...environments.flatMap((folder) => [
      join(folder ?? '', 'lib*/python3*/site-packages'),
      join(folder ?? '', 'Lib/site-packages'),
    ]),
    join(home, '.local/lib/python3*/site-packages'),
    join(root, '/usr/local/lib*/python3*/dist-packages'),
    join(root, '/usr/local/lib*/python3*/site-packages'),
    join(root, '/usr/lib/python3*/dist-packages'),
    join(root, '/usr/lib*/python3*/site-packages'),
  ].flatMap(matching);
}

function locate(known: KnownPlugin, places: Places): FoundPlugin | undefined {
  const { name, vendor, files } = known;
  const installed = installFolder(name, places.env);
  const inFolder = (packages: string): FoundPlugin | undefined => {
    const [file] = files.flatMap((path) => matching(join(packages, path)));
    return file === undefined ? undefined : { name, vendor, file, packages };
  };
  return inFolder(installed) ?? namedByEnvironment(name, places) ?? first(packageFolders(places), inFolder);
}

/**
 * What JAX's variables say: TPU_LIBRARY_PATH, and PJRT_NAMES_AND_LIBRARY_PATHS ("name:path,name2:path2"). Names there are of vendors
 * for the most part: a file whose own name does not tell more belongs to the vendor's first plugin.
 */
function namedByEnvironment(name: string, { env }: Places): FoundPlugin | undefined {
  const vendor = knownPlugins.find((known) => known.name === name)?.vendor;
  const { TPU_LIBRARY_PATH = '', PJRT_NAMES_AND_LIBRARY_PATHS = '' } = env;
  const separator = process.platform === 'win32' ? ';' : ':';
  for (const pair of [`tpu${separator}${TPU_LIBRARY_PATH}`, ...PJRT_NAMES_AND_LIBRARY_PATHS.split(',')]) {
    const end = pair.indexOf(separator);
    const [given, file] = [pair.slice(0, Math.max(0, end)).trim().toLowerCase(), pair.slice(end + 1).trim()];
    if (!isFile(file)) continue;
    const described = describeFile(file);
    const firstOfVendor = knownPlugins.find((known) => known.vendor === given)?.name;
    const meant = given === vendor ? (knownName(described) ?? firstOfVendor) : given;
    if (meant === name.toLowerCase()) return { ...described, name, vendor: vendor ?? described.vendor };
  }
  return undefined;
}

function knownName({ name }: FoundPlugin): string | undefined {
  return knownPlugins.find((known) => known.name === name)?.name;
}

/** What a file's own name and the folders around it tell. */
function describeFile(file: string): FoundPlugin {
  for (const { name, vendor, files } of knownPlugins)
    for (const path of files) {
      const match = new RegExp(`(^|[/\\\\])${pattern(path)}$`).exec(file);
      if (match !== null) return { name, vendor, file, packages: file.slice(0, match.index) || '.' };
    }
  const known = knownPlugins.find(({ files }) => files.some((path) => basename(path) === basename(file)));
  return { name: basename(file), vendor: known?.vendor, file, packages: undefined };
}

/** Paths that are there and fit, in which a star stands for anything within one name, the latest version first. */
function matching(path: string): string[] {
  const star = path.indexOf('*');
  if (star < 0) return existsSync(path) ? [path] : [];
  const start = Math.max(path.lastIndexOf('/', star), path.lastIndexOf('\\', star));
  const [name = ''] = path.slice(start + 1).split(/[/\\]/, 1);
  const fits = new RegExp(`^${pattern(name)}$`);
  const folder = path.slice(0, start);
  return entries(folder)
    .filter((entry) => fits.test(entry))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .flatMap((entry) => matching(join(folder, entry, path.slice(start + 1 + name.length))));
}

/** A path with stars as a regular expression, for either separator. */
function pattern(path: string): string {
  return path
    .replaceAll(/[.+()]/g, '\\$&')
    .replaceAll('/', '[/\\\\]')
    .replaceAll('*', '[^/\\\\]*');
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not there, or not ours to read
  }
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

function first<In, Out>(values: readonly In[], of: (value: In) => Out | undefined): Out | undefined {
  for (const value of values) {
    const made = of(value);
    if (made !== undefined) return made;
  }
  return undefined;
}

/** The names that begin most like it; all, where none begins like it. */
function nearest(asked: string): string {
  const names = knownPlugins.map(({ name }) => name);
  for (let length = asked.length; length > 1; length--) {
    const near = names.filter((name) => name.startsWith(asked.slice(0, length).toLowerCase()));
    if (near.length > 0) return near.join(' or ');
  }
  return names.join(', ');
}
