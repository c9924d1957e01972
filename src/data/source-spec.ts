/**
 * Where the images of a data set lie, as plain data that can be sent to a worker thread: every thread opens it for
 * itself (reader.ts). Long lists are in shared memory, so sending costs nothing.
 */
import type { Levels } from '../image/levels.ts';
import type { TextTable } from './text-table.ts';

/** What all data sets of image files have in common. */
interface ImageFilesSpec {
  readonly channels: 1 | 3;
  /** Black and white of samples that are not bytes; what each file says unless given. */
  readonly levels: Levels | undefined;
}

/** Image files below a folder. */
export interface FolderSpec extends ImageFilesSpec {
  readonly kind: 'folder';
  readonly root: string;
  /** Paths below `root`, with `/`, in the file system's own bytes. */
  readonly paths: TextTable;
}

/** Image files inside archives: tar (one or several) or zip. */
export interface ArchiveSpec extends ImageFilesSpec {
  readonly kind: 'archive';
  readonly files: readonly string[];
  readonly paths: TextTable;
  /** Which of the files holds each image. */
  readonly fileOf: Uint32Array;
  /** First byte of each image in its archive. */
  readonly offsets: Float64Array;
  /** Bytes of each image in its archive. */
  readonly sizes: Uint32Array;
  /** Bytes of each image when it is unpacked (deflate), 0 for those that are stored as they are. */
  readonly unpackedSizes: Uint32Array;
}

/** Image files in a column of Parquet files. */
export interface ParquetSpec extends ImageFilesSpec {
  readonly kind: 'parquet';
  readonly files: readonly string[];
  /** Rows of each file. */
  readonly counts: readonly number[];
  /** The column by its path, such as `['image', 'bytes']`. */
  readonly column: readonly string[];
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

export type SourceSpec =
  | FolderSpec
  | ArchiveSpec
  | ParquetSpec
  | Cifar10Spec
  | IdxSpec
  | ScenesSpec
  | SubsetSpec;
