/**
 * Classes told by folders: `dog/1.jpg` is a dog. A folder around everything (`photos/dog/1.jpg`) and folders that name the
 * parts of a data set (`train/dog/1.jpg`, `val/dog/2.jpg`) are looked through. Images beside the class folders have no class.
 */
import { areAlbums } from './album-folders.ts';
import { type ClassLabels, noLabels, UNLABELED } from './class-labels.ts';
import type { LabelChoice } from './source.ts';

/** Names of the parts of a data set, which are not classes: `train`, `val2017`, `test_images`. */
const PART =
  /^(train|training|trn|val|valid|validation|test|testing|dev|eval|evaluation|trainval|holdout|unlabell?ed)([-_ ]?(set|split|data|images?|imgs?|\d+))*$/i;

/** The folders at one depth: how many images each holds, and whether there are folders below it. */
type Folders = Map<string, { images: number; hasFolders: boolean }>;

function foldersAt(paths: readonly (readonly string[])[], depth: number): Folders {
  const folders: Folders = new Map();
  for (const parts of paths) {
    const name = parts[depth];
    if (name === undefined || parts.length < depth + 2) continue;
    const folder = folders.get(name) ?? { images: 0, hasFolders: false };
    folder.images++;
    folder.hasFolders ||= parts.length > depth + 2;
    folders.set(name, folder);
  }
  return folders;
}

/** Whether the folders at a depth hold the classes one level deeper. */
function isAround(folders: Folders): boolean {
  const all = [...folders];
  const parts = all.filter(([name]) => PART.test(name));
  if (parts.length === 0) return all.length === 1 && all[0]![1].hasFolders;
  // A part that has no folders, beside two others that are no parts: `cat/`, `dog/`, `test/`.
  return all.length - parts.length < 2 || parts.some(([, { hasFolders }]) => hasFolders);
}

/** Folders that are parts of one data set, such as `train` and `val`, each with those around it; empty where there are not several. */
export function partsOf(paths: readonly string[]): string[] {
  const split = paths.map((path) => path.split('/'));
  let around = '';
  for (let depth = 0; ; depth++) {
    const folders = foldersAt(split, depth);
    const parts = [...folders.keys()].filter((name) => PART.test(name));
    if (parts.length > 1) return parts.sort().map((name) => around + name);
    const [only] = folders.keys();
    if (folders.size !== 1 || only === undefined) return [];
    around += `${only}/`;
  }
}

/**
 * @param paths relative, with `/`
 * @param choice whether folders that look like albums by date are classes
 */
export function classesOf(paths: readonly string[], choice: LabelChoice = 'auto'): ClassLabels {
  const parts = paths.map((path) => path.split('/'));
  let depth = 0;
  let folders = foldersAt(parts, depth);
  const lookedThrough: string[] = [];
  let around: string | undefined;
  while (folders.size > 0 && isAround(folders)) {
    around = folders.size === 1 ? [...folders.keys()][0] : undefined;
    lookedThrough.push(...[...folders.keys()].filter((name) => PART.test(name)));
    folders = foldersAt(parts, ++depth);
  }
  const classes = [...folders.keys()].filter((name) => !PART.test(name)).sort((a, b) => (a < b ? -1 : 1));
  if (choice === 'auto' && areAlbums(classes, around))
    return {
      ...noLabels,
      note: `the folders ${quoted(classes)} look like albums by date, not classes: no labels are taken (--labels folders takes them as classes)`,
    };
  const numbers = new Map(classes.map((name, index) => [name, index]));
  const labels = Int32Array.from(parts, (each) =>
    each.length < depth + 2 ? -1 : (numbers.get(each[depth]!) ?? -1),
  );
  const labeled = labels.reduce((count, label) => count + (label < 0 ? 0 : 1), 0);
  const first = paths[labels.indexOf(-1)];
  if (first === undefined) return { classes, labels };
  if (labeled === 0) {
    // Photos side by side need no word; folders that were passed over do.
    return lookedThrough.length === 0
      ? noLabels
      : { ...noLabels, note: `${explainParts(lookedThrough)}: the images have no classes` };
  }
  if (classes.length < 2) return noLabels;
  const loose = looseImages(parts, labels, depth);
  if (loose > Math.max(1, STRAY * paths.length))
    return {
      ...noLabels,
      note: `${loose} of ${paths.length} images lie beside the folders ${quoted(classes)}: these are not taken as classes`,
    };
  const passed = [...folders.keys()].filter((name) => PART.test(name));
  const unlabeled = paths.length - labeled;
  const why = passed.length === 0 ? '' : ` (${explainParts(passed)}; rename the folder if it is one)`;
  return {
    classes,
    labels,
    note: `${unlabeled} of ${paths.length} images ${unlabeled === 1 ? 'lies' : 'lie'} in no class folder, such as ${first}${why}: ${UNLABELED}`,
  };
}

/** More loose images than this share are no strays: the folders are albums, say. */
const STRAY = 0.2;

/** How many images lie beside class folders; a part of the data set that has no class folders at all is another thing. */
function looseImages(paths: readonly (readonly string[])[], labels: Int32Array, depth: number): number {
  const placeOf = (parts: readonly string[]): string =>
    parts.slice(0, Math.min(depth, parts.length - 1)).join('/');
  const places = new Set(paths.filter((_, i) => labels[i]! >= 0).map(placeOf));
  return paths.filter(
    (parts, i) =>
      labels[i]! < 0 && parts.length < depth + 2 && (parts.length <= depth || places.has(placeOf(parts))),
  ).length;
}

const SHOWN = 3;

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).map((name) => `"${name}"`);
  return shown.join(', ') + (names.length > SHOWN ? ', ...' : '');
}

function explainParts(names: readonly string[]): string {
  return names.length === 1
    ? `${quoted(names)} names a part of a data set, not a class`
    : `${quoted(names)} name parts of a data set, not classes`;
}
