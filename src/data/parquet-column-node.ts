/**
 * One column of a Parquet file, page by page (hyparquet decodes): a row is found by the headers of the pages, so that images are
 * read one after another without reading the file. Random order costs the decoding of a page (about 1 MB, or the 100 images of a
 * row group in files of Hugging Face) for each image.
 */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type FileMetaData, parquetMetadata, parquetSchema, type RowGroup } from 'hyparquet';
import { parquetHeader, readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getTreePath } from 'hyparquet/src/schema.js';
import type { ByteSource } from '../format/byte-source.ts';

/** Codecs besides Snappy, which hyparquet has itself. */
const compressors = {
  GZIP: (bytes: Uint8Array) => new Uint8Array(gunzipSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(brotliDecompressSync(bytes)),
};

/** What a page header takes; statistics may make it longer. */
const HEADER = 1024;
const LONGEST_HEADER = 1 << 20;

interface Page {
  /** Where its header begins, and the bytes of header and data. */
  readonly offset: number;
  readonly length: number;
  readonly firstRow: number;
  readonly rows: number;
  /** The dictionary of its column chunk, if it has one. */
  readonly dictionary: { readonly offset: number; readonly length: number } | undefined;
}

/** @throws Error if the file is damaged, or no Parquet file */
export function readParquetMetadata(source: ByteSource): FileMetaData {
  const { name, size } = source;
  try {
    const tail = source.read(size - 8, 8);
    const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true) + 8;
    return parquetMetadata(source.read(size - length, length), { geoparquet: false });
  } catch (error) {
    throw new Error(`${name} is no whole Parquet file: copy or download it again.`, { cause: error });
  }
}

/** A field of structs that may be missing comes in a list for each of them, empty where one is. */
function innermost(value: unknown): unknown {
  return Array.isArray(value) ? innermost(value[0]) : value;
}

export class ParquetColumn {
  readonly rows: number;
  readonly #source: ByteSource;
  readonly #metadata: FileMetaData;
  readonly #path: readonly string[];
  /** Pages of the row groups that were asked for. */
  readonly #pages = new Map<number, readonly Page[]>();
  #last: { readonly page: Page; readonly values: ArrayLike<unknown> } | undefined;

  /** @param path of the column, such as `['image', 'bytes']`; not a list */
  constructor(source: ByteSource, metadata: FileMetaData, path: readonly string[]) {
    this.#source = source;
    this.#metadata = metadata;
    this.#path = path;
    this.rows = Number(metadata.num_rows);
    this.#checkRows();
  }

  /** @throws Error when the numbers of rows do not agree, of which none may be believed */
  #checkRows(): void {
    const { row_groups } = this.#metadata;
    const sum = row_groups.reduce((rows, group) => rows + Number(group.num_rows), 0);
    const agree = row_groups.every(
      (group) => Number(this.#chunk(group).num_values) === Number(group.num_rows),
    );
    if (sum !== this.rows || !agree)
      throw new Error(
        `${this.#source.name} is damaged (its numbers of rows do not agree): copy or download it again.`,
      );
  }

  /** The value of a row: bytes, texts, numbers or null. @throws Error naming the file if it is damaged */
  read(row: number): unknown {
    let first = 0;
    for (const [i, group] of this.#metadata.row_groups.entries()) {
      const rows = Number(group.num_rows);
      if (row < first + rows) return this.#readIn(i, group, row - first);
      first += rows;
    }
    throw new RangeError(`${this.#source.name} has no row ${row}.`);
  }

  /** All values. */
  readAll(): unknown[] {
    return Array.from({ length: this.rows }, (_, row) => this.read(row));
  }

  #readIn(number: number, group: RowGroup, row: number): unknown {
    try {
      const pages = this.#pages.get(number) ?? this.#findPages(group);
      this.#pages.set(number, pages);
      const page = pages.find(({ firstRow, rows }) => row < firstRow + rows);
      if (page === undefined) throw new Error('it has fewer rows than it says');
      if (this.#last?.page !== page) this.#last = { page, values: this.#decode(group, page) };
      return innermost(this.#last.values[row - page.firstRow]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `${this.#source.name} cannot be read (${reason}): copy or download it again, or write it anew with Snappy.`,
        { cause: error },
      );
    }
  }

  #chunk(group: RowGroup) {
    const wanted = this.#path.join('.');
    const chunk = group.columns.find(({ meta_data }) => meta_data?.path_in_schema.join('.') === wanted);
    if (chunk?.meta_data === undefined) throw new Error(`a row group lacks the column ${wanted}`);
    return chunk.meta_data;
  }

  #findPages(group: RowGroup): Page[] {
    const { data_page_offset, dictionary_page_offset, total_compressed_size, total_uncompressed_size } =
      this.#chunk(group);
    const total = Number(group.num_rows);
    const start = Number(
      dictionary_page_offset !== undefined &&
        dictionary_page_offset > 0n &&
        dictionary_page_offset < data_page_offset
        ? dictionary_page_offset
        : data_page_offset,
    );
    const end = start + Number(total_compressed_size);
    const pages: Page[] = [];
    let dictionary: Page['dictionary'];
    let firstRow = 0;
    for (let offset = start; offset < end && firstRow < total; ) {
      const { header, headerLength } = this.#header(offset, end);
      const length = headerLength + header.compressed_page_size;
      const count = header.dictionary_page_header?.num_values ?? 0;
      const rows = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_rows ?? 0;
      // What a damaged header announces is not allocated.
      if (
        !(header.compressed_page_size >= 0 && offset + length <= end) ||
        !(header.uncompressed_page_size >= 0 && header.uncompressed_page_size <= total_uncompressed_size) ||
        !(count >= 0 && count <= total) ||
        !(rows >= 0 && firstRow + rows <= total)
      )
        throw new Error('a page does not fit its column');
      if (header.type === 'DICTIONARY_PAGE') dictionary = { offset, length };
      if (rows > 0) pages.push({ offset, length, firstRow, rows, dictionary });
      firstRow += rows;
      offset += length;
    }
    return pages;
  }

  #header(offset: number, end: number) {
    for (let length = HEADER; ; length *= 8) {
      const bytes = this.#source.read(offset, Math.min(length, end - offset));
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      try {
        return { header: parquetHeader(reader), headerLength: reader.offset };
      } catch (error) {
        if (bytes.length < length || length > LONGEST_HEADER) throw error;
      }
    }
  }

  #decode(group: RowGroup, page: Page): ArrayLike<unknown> {
    const pieces = [page.dictionary, page].flatMap((piece) =>
      piece === undefined ? [] : [this.#source.read(piece.offset, piece.length)],
    );
    const bytes = new Uint8Array(Buffer.concat(pieces));
    const path = getTreePath(parquetSchema(this.#metadata), [...this.#path]);
    const { data } = readColumn(
      { view: new DataView(bytes.buffer), offset: 0 },
      { groupStart: 0, selectStart: 0, selectEnd: page.rows, groupRows: page.rows },
      {
        ...this.#chunk(group),
        pathInSchema: [...this.#path],
        element: path.at(-1)!.element,
        schemaPath: path,
        parsers: DEFAULT_PARSERS,
        compressors,
        utf8: false,
      },
    );
    const [values, ...more] = data;
    return more.length === 0 && values !== undefined ? values : data.flatMap((part) => Array.from(part));
  }
}
