/**
 * Video files, through the `ffmpeg` command where the machine has one. Nothing depends on it: folders of frames always work.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
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
  return EXTENSIONS.has(extname(path).toLowerCase());
}

/** What makes a folder of images of a video's frames, two a second. */
export function framesCommand(video: string): string {
  return `"mkdir frames && ffmpeg -i ${shellWord(video)} -vf fps=2 frames/%05d.jpg"`;
}

export function hasFfmpeg(): boolean {
  return spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0;
}

/** Frames of a video in a temporary folder. */
export interface ExtractedFrames {
  /** Holds 00001.png, 00002.png and so on. */
  readonly folder: string;
  /** Removes the folder. */
  remove(): void;
}

/** @throws Error if there is no ffmpeg, or it cannot read the file */
export function extractFrames(video: string): ExtractedFrames {
  if (!hasFfmpeg()) {
    throw new Error(
      `${video} is a video and there is no ffmpeg command to read it: install ffmpeg, or give a folder of frames, which always works.`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'dino-frames-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    ffmpeg(['-i', video, join(folder, '%05d.png')], `${video} cannot be read`);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, remove };
}

/**
 * Joins frames to an H.264 video; sides of odd length are padded by a pixel.
 *
 * @param frames a pattern such as `frames/%05d.png`, numbered from 0
 * @param count how many of them; others of the folder may be of an earlier run
 * @throws Error if ffmpeg fails
 */
export function joinFrames(frames: string, count: number, video: string, fps: number): void {
  const input = ['-framerate', String(fps), '-start_number', '0', '-i', frames, '-frames:v', String(count)];
  const output = ['-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2', '-pix_fmt', 'yuv420p', video];
  ffmpeg([...input, ...output], `${video} cannot be written`);
}

function ffmpeg(args: readonly string[], failure: string): void {
  const { status, stderr, error } = spawnSync('ffmpeg', ['-y', '-v', 'error', ...args], { encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim().split('\n')[0] ?? '';
  throw new Error(`${failure} by ffmpeg (${reason}): give a folder of frames, which always works.`);
}
