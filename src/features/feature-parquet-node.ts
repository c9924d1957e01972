/**
 * Features as a Parquet table, for data frames and databases: columns `path`, `label` (null without classes) and `feature`, a
 * list of float32. Rows are written group by group, so that a table larger than the memory can be made.
 */
import { fileWriter, ParquetWriter } from 'hyparquet-writer';

/** Numbers in a row group. */
const GROUP = 2 ** 20;

export interface ParquetRow {
  readonly path: string;
  readonly label: string | undefined;
  readonly feature: Float32Array;
}

export class FeatureParquet {
  readonly #writer: ParquetWriter;
  readonly #rows: ParquetRow[] = [];
  readonly #groupRows: number;

  /**
   * @param file is replaced if it exists
   * @param dim numbers of a feature
   * @param metadata texts that the file carries
   */
  constructor(file: string, dim: number, metadata: Readonly<Record<string, string>> = {}) {
    this.#groupRows = Math.max(1, Math.floor(GROUP / dim));
    this.#writer = new ParquetWriter({
      writer: fileWriter(file),
      createdBy: 'dino-ts',
      statistics: false,
      kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      schema: [
        { name: 'root', num_children: 3 },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
        { name: 'label', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
        { name: 'feature', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
      ],
    });
  }

  async append(row: ParquetRow): Promise<void> {
    this.#rows.push(row);
    if (this.#rows.length === this.#groupRows) await this.#flush();
  }

  /** Writes what is left, and the directory at the end of the file. */
  async finish(): Promise<void> {
    if (this.#rows.length > 0) await this.#flush();
    await this.#writer.finish();
  }

  async #flush(): Promise<void> {
    const rows = this.#rows.splice(0);
    await this.#writer.write({
      rowGroupSize: this.#groupRows,
      columnData: [
        { name: 'path', data: rows.map(({ path }) => path) },
        { name: 'label', data: rows.map(({ label }) => label ?? null) },
        // Features do not repeat and do not shrink.
        {
          name: 'feature',
          data: rows.map(({ feature }) => Array.from(feature)),
          encoding: 'PLAIN',
          codec: 'UNCOMPRESSED',
        },
      ],
    });
  }
}
