/** Images that stand in a source several times because of links, and how that is said: they count, but seldom on purpose. */
import { imageFiles, linkTo, sharedFiles } from './image-files-node.ts';
import type { Source } from './source.ts';

/** Milliseconds in which the files of a folder are looked at for hard links. */
const PATIENCE = 3000;
const SHOWN = 3;

/**
 * One sentence on images that stand in several classes because of links, or several times because of links to folders; undefined if
 * there are none. A single image that is in its class twice is not worth a word.
 */
export function explainLinks(source: Source): string | undefined {
  const { name, length, classes } = source;
  if (classes.length < 2 && !hasLinkedFolders(source)) return undefined;
  const causes = new Map<string, Cause & { images: number }>();
  let [twice, inClasses] = [0, 0];
  for (const group of sharedFiles(length, imageFiles(source, PATIENCE))) {
    const { first, others } = ordered(source, group);
    const crossing = others.filter((other) => areOfTwoClasses(source, first, other));
    const told = crossing.length > 0 ? crossing : others.filter((other) => folderLink(source, other));
    if (told.length === 0) continue;
    twice++;
    if (crossing.length > 0) inClasses++;
    for (const other of told) {
      const cause = causeOf(source, first, other);
      causes.set(cause.text, { ...cause, images: 1 + (causes.get(cause.text)?.images ?? 0) });
    }
  }
  if (twice === 0) return undefined;
  const stand = `${twice} ${twice === 1 ? 'image stands' : 'images stand'}`;
  const where =
    inClasses === twice
      ? 'in more than one class'
      : `in it more than once${inClasses === 0 ? '' : `, ${inClasses} of them in more than one class`}`;
  const byImages = [...causes.values()].sort((a, b) => b.images - a.images);
  return `${name}: ${stand} ${where}, because ${withWayOut(byImages)}.`;
}

/** The link to a folder through which an image is reached. */
function folderLink(source: Source, index: number): string | undefined {
  const link = linkTo(source, index);
  return link === undefined || link === source.key(index) ? undefined : link;
}

function hasLinkedFolders(source: Source): boolean {
  for (let index = 0; index < source.length; index++)
    if (folderLink(source, index) !== undefined) return true;
  return false;
}

/** The image that the others are links to: one that has a class, and lies in its own place, if any does. */
function ordered(source: Source, group: readonly number[]): { first: number; others: number[] } {
  const rank = (index: number): number =>
    (source.label(index) === undefined ? 2 : 0) + (linkTo(source, index) === undefined ? 0 : 1);
  const [first = 0, ...others] = group.toSorted((a, b) => rank(a) - rank(b) || a - b);
  return { first, others };
}

function areOfTwoClasses({ label }: Source, a: number, b: number): boolean {
  const [one, other] = [label(a), label(b)];
  return one !== undefined && other !== undefined && one !== other;
}

/** Why two images are one file. */
interface Cause {
  /** 'kitten is a link to cat' */
  readonly text: string;
  /** Whether one link is to be removed. */
  readonly isLink: boolean;
}

function causeOf(source: Source, first: number, other: number): Cause {
  const [path, otherPath] = [source.key(first), source.key(other)];
  const [firstLink, link] = [linkTo(source, first), linkTo(source, other)];
  const rest = link === undefined ? undefined : otherPath.slice(link.length);
  if (rest !== undefined && firstLink === undefined && path.endsWith(rest) && path.length > rest.length)
    return { text: `${link} is a link to ${path.slice(0, path.length - rest.length)}`, isLink: true };
  if (rest !== undefined && firstLink !== undefined && path.slice(firstLink.length) === rest)
    return {
      text: `${firstLink} and ${link} lead to the same ${rest === '' ? 'file' : 'folder'}`,
      isLink: false,
    };
  return { text: `${path} and ${otherPath} are one file`, isLink: false };
}

function withWayOut(causes: readonly Cause[]): string {
  const [first, second] = causes;
  if (first?.isLink === true && second === undefined)
    return `${first.text}: remove the link if it is not meant`;
  const shown = causes.slice(0, SHOWN).map(({ text }) => text);
  const more = causes.length > SHOWN ? [`and ${causes.length - SHOWN} more`] : [];
  return `${[...shown, ...more].join('; ')}: remove the links that are not meant`;
}
