/**
 * Where the images of a data set lie, as plain data that can be sent to a worker thread: every thread opens it for
 * itself (reader.ts). Long lists are in shared memory, so sending costs nothing.
 */
import type { TextTable } from './text-table.ts';

/** Image files below a folder. */
export interface FolderSpec {
  readonly kind: 'folder';
  readonly channels: 1 | 3;
  readonly root: string;
  /** Paths below `root`, with `/`. */
  readonly paths: TextTable;
}

/** Image files inside a tar archive. */
export interface TarSpec {
  readonly kind: 'tar';
  readonly channels: 1 | 3;
  readonly file: string;
  readonly paths: TextTable;
  /** First byte of each image in the archive. */
  readonly offsets: Float64Array;
  /** Bytes of each image. */
  readonly sizes: Uint32Array;
}

/** CIFAR-10's binary version: records of one label byte and 32x32 pixels as three planes. */
export interface Cifar10Spec {
  readonly kind: 'cifar10';
  readonly channels: 1 | 3;
  readonly files: readonly string[];
  /** Records in each file. */
  readonly counts: readonly number[];
}

/** Gray images of one size, one after the other: the IDX format of MNIST and its family. */
export interface IdxSpec {
  readonly kind: 'idx';
  readonly channels: 1 | 3;
  readonly file: string;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** The whole file, in shared memory, when it was compressed on disk. */
  readonly unpacked: Uint8Array | undefined;
}

/** Rendered images (src/scenes), no files. */
export interface ScenesSpec {
  readonly kind: 'scenes';
  readonly channels: 1 | 3;
  readonly seed: number;
  readonly count: number;
  /** Edge in pixels. */
  readonly size: number;
}

/** Some images of another data set. */
export interface SubsetSpec {
  readonly kind: 'subset';
  readonly channels: 1 | 3;
  readonly of: SourceSpec;
  /** Numbers of the images there. */
  readonly indices: Uint32Array;
}

export type SourceSpec = FolderSpec | TarSpec | Cifar10Spec | IdxSpec | ScenesSpec | SubsetSpec;
