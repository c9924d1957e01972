/** Parts of a report as JSON text and back, so that it can be assembled later; pictures become base64. */
import { z } from 'zod';
import type { EvaluationSection } from '../blocks.ts';
import { base64, fromBase64 } from '../pictures/base64.ts';

const BYTES = 'base64:';

const sectionSchema = z.object({
  title: z.string(),
  intro: z.string(),
  measured: z
    .object({ data: z.record(z.string(), z.string()), protocol: z.record(z.string(), z.string()) })
    .optional(), // earlier ones have none
  blocks: z.array(z.looseObject({ kind: z.string() })),
});

export const encodeSection = (section: EvaluationSection): string => encodeStored(section);

export function encodeStored(part: object): string {
  return JSON.stringify(part, (_, value: unknown) => {
    if (value instanceof Uint8Array) return BYTES + base64(value);
    // Of whichever type: no block holds a DataView, which alone is no array.
    if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
    return typeof value === 'number' && !Number.isFinite(value) ? null : value;
  });
}

/** @throws Error naming the file if the text is no section */
export function decodeSection(text: string, file: string): EvaluationSection {
  try {
    // The parts of a block are taken as `encodeSection` wrote them: a schema would repeat every kind of block and chart.
    return sectionSchema.parse(decodeStored(text)) as unknown as EvaluationSection;
  } catch {
    throw new Error(`${file} is damaged: run the evaluation again.`);
  }
}

/** @throws SyntaxError if the text is no JSON */
export function decodeStored(text: string): unknown {
  return JSON.parse(text, (_, part: unknown) => {
    if (part === null) return Number.NaN;
    return typeof part === 'string' && part.startsWith(BYTES) ? fromBase64(part.slice(BYTES.length)) : part;
  });
}
