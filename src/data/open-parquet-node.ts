/**
 * Parquet files of images in Hugging Face's layout: a column `image` of structs with the file's `bytes` and `path`, and a column
 * `label` of numbers, whose names stand in the file's metadata, or of names. A plain column of bytes by one of the usual names
 * will do as well.
 */
import { type FileMetaData, parquetSchema } from 'hyparquet';
import { z } from 'zod';
import { openFile } from '../files/file-source-node.ts';
import { type ClassValue, labelIn, labelsOf, noLabels } from './class-labels.ts';
import { ParquetColumn, readParquetMetadata } from './parquet-column-node.ts';
import type { SourceOptions, StoredList } from './source.ts';
import { packTexts, textAt } from './text-table.ts';

const IMAGES = ['image', 'img', 'picture', 'photo', 'jpg', 'jpeg', 'png', 'webp'];
const LABELS = ['label', 'labels', 'class', 'cls', 'fine_label', 'class_id', 'category'];

interface Columns {
  readonly image: readonly string[];
  /** Names of the files the images came from, where they are kept. */
  readonly path: readonly string[] | undefined;
  readonly label: readonly string[] | undefined;
}

/**
 * @param name what the source is called
 * @param files one, or several that are one data set
 * @throws Error if one is damaged, or has no column of images
 */
export function openParquet(name: string, files: readonly string[], options: SourceOptions): StoredList {
  const { channels = 3, levels } = options;
  const counts: number[] = [];
  const values: ClassValue[] = [];
  const paths: unknown[] = [];
  let columns: Columns | undefined;
  let names: readonly string[] | undefined;
  for (const file of files) {
    const source = openFile(file);
    try {
      const metadata = readParquetMetadata(source);
      columns ??= findColumns(metadata, file);
      names ??= columns.label === undefined ? undefined : classNames(metadata, columns.label[0] ?? '');
      const { label, path } = columns;
      counts.push(Number(metadata.num_rows));
      const all = (column: readonly string[] | undefined): unknown[] =>
        column === undefined ? [] : new ParquetColumn(source, metadata, column).readAll();
      for (const value of all(label)) values.push(classValue(value));
      for (const value of all(path)) paths.push(value);
    } finally {
      source.close();
    }
  }
  const length = counts.reduce((sum, count) => sum + count, 0);
  if (columns === undefined || length === 0) throw new Error(`${name} has no rows: give another file.`);
  const { classes, labels, note } = columns.label === undefined ? noLabels : labelsOf(values, names);
  return {
    name,
    length,
    channels,
    classes,
    label: labelIn(labels),
    classNote: note,
    key: keysOf(paths, length),
    spec: { kind: 'parquet', channels, levels, files, counts, column: columns.image },
  };
}

/** The names of the images' files, or the numbers of the rows where some have none or share one. */
function keysOf(paths: readonly unknown[], length: number): (index: number) => string {
  const names = paths.filter((path): path is string => typeof path === 'string' && path !== '');
  if (new Set(names).size < length) return (index) => String(index);
  const table = packTexts(names);
  return (index) => textAt(table, index);
}

/** @throws Error with the columns there are if none holds images */
function findColumns(metadata: FileMetaData, file: string): Columns {
  const { children } = parquetSchema(metadata);
  const isBytes = (type: string | undefined, kind: string | undefined): boolean =>
    type === 'BYTE_ARRAY' && kind === undefined;
  const images = children.flatMap(({ element, children: fields }) => {
    const bytes = fields.find(({ element: { name } }) => name === 'bytes');
    if (bytes !== undefined && isBytes(bytes.element.type, bytes.element.converted_type))
      return [
        {
          name: element.name,
          path: bytes.path,
          source: fields.find((field) => field.element.name === 'path'),
        },
      ];
    const isPlain = fields.length === 0 && isBytes(element.type, element.converted_type);
    return isPlain && IMAGES.includes(element.name.toLowerCase())
      ? [{ name: element.name, path: [element.name], source: undefined }]
      : [];
  });
  const [image] = images.toSorted((a, b) => rank(IMAGES, a.name) - rank(IMAGES, b.name));
  if (image === undefined) {
    throw new Error(
      `${file} has no column of images, only ${children.map(({ element }) => element.name).join(', ')}: it should have a column image with the field bytes, as data sets of Hugging Face have.`,
    );
  }
  const [label] = children
    .filter(
      ({ element, children: fields }) => fields.length === 0 && rank(LABELS, element.name) < LABELS.length,
    )
    .toSorted((a, b) => rank(LABELS, a.element.name) - rank(LABELS, b.element.name));
  return { image: image.path, path: image.source?.path, label: label?.path };
}

/** The place in a list of names, behind all of them for others. */
function rank(names: readonly string[], name: string): number {
  const place = names.indexOf(name.toLowerCase());
  return place < 0 ? names.length : place;
}

const huggingFace = z.object({
  info: z.object({
    features: z.record(z.string(), z.looseObject({ names: z.array(z.string()).optional() })),
  }),
});

/** What the labels' numbers are called, by what Hugging Face's `datasets` writes beside the schema. */
function classNames({ key_value_metadata = [] }: FileMetaData, label: string): readonly string[] | undefined {
  const text = key_value_metadata.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return undefined;
  try {
    return huggingFace.safeParse(JSON.parse(text)).data?.info.features[label]?.names;
  } catch {
    return undefined; // not JSON: the numbers themselves are the names
  }
}

function classValue(value: unknown): ClassValue {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? value
    : undefined;
}
