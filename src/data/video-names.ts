/** Which files are videos, and how their frames become images. */
import { shellWord } from './shell-word.ts';

const EXTENSIONS = new Set([
  '.mp4',
  '.m4v',
  '.mov',
  '.avi',
  '.mkv',
  '.webm',
  '.mpg',
  '.mpeg',
  '.wmv',
  '.ogv',
]);

/** Whether the file name ends as a video's does. */
export function hasVideoExtension(path: string): boolean {
  return EXTENSIONS.has(/[^/\\](\.[^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? '');
}

/** What makes a folder of images of a video's frames, two a second. */
export function framesCommand(video: string): string {
  return `"mkdir frames && ffmpeg -i ${shellWord(video)} -vf fps=2 frames/%05d.jpg"`;
}
