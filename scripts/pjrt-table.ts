/**
 * Generates `src/engine/xla/pjrt-table.ts` from XLA's header `pjrt_c_api.h`: where each function stands in the table that a plugin
 * gives, and in which 8-byte word of its argument struct each field lies.
 *
 *     npx tsx scripts/pjrt-table.ts <pjrt_c_api.h>
 *
 * The header is part of openxla/xla (xla/pjrt/c) and of TensorFlow's wheels. Of its functions those are taken that the engine calls.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const USED = [
  ...['Error_Destroy', 'Error_Message', 'Error_GetCode', 'Plugin_Initialize', 'Plugin_Attributes'],
  ...['Event_Destroy', 'Event_Await', 'Client_Create', 'Client_Destroy', 'Client_PlatformName'],
  ...['Client_PlatformVersion', 'Client_ProcessIndex', 'Client_Devices', 'Client_AddressableDevices'],
  ...['Client_Compile', 'Client_BufferFromHostBuffer', 'DeviceDescription_Id', 'DeviceDescription_Kind'],
  ...['DeviceDescription_ToString', 'Device_GetDescription', 'Device_MemoryStats'],
  ...['Executable_Destroy', 'Executable_NumOutputs', 'Executable_GetCostAnalysis', 'Executable_Serialize'],
  ...['Executable_DeserializeAndLoad', 'Executable_GetCompiledMemoryStats'],
  ...['LoadedExecutable_Destroy', 'LoadedExecutable_GetExecutable', 'LoadedExecutable_Execute'],
  ...['Buffer_Destroy', 'Buffer_ToHostBuffer', 'Buffer_OnDeviceSizeInBytes', 'Buffer_ReadyEvent'],
  ...[
    'TopologyDescription_Create',
    'TopologyDescription_Destroy',
    'TopologyDescription_PlatformName',
    'Compile',
  ],
];
/** Structs that arguments point to. */
const STRUCTS = [
  ...['PJRT_Program', 'PJRT_NamedValue', 'PJRT_ExecuteOptions'],
  ...['Get', 'TryGet', 'Put'].map((name) => `PJRT_KeyValue${name}Callback_Args`),
];
const WORD = 8;
/** Types of fields that are smaller than a word, in bytes; whatever is not named is a word. */
const SMALL: Readonly<Record<string, number>> = { int: 4, int32_t: 4, bool: 1, float: 4, PJRT_Error_Code: 4 };

const [file = ''] = process.argv.slice(2);
const header = readFileSync(file, 'utf8').replace(/\/\/.*$/gm, '');
const enums = new Set([...header.matchAll(/typedef enum \{[^}]*\} (\w+);/g)].map(([, name = '']) => name));

/** The words of a struct's fields. */
function wordsOf(struct: string): Record<string, number> {
  const body = new RegExp(`struct ${struct} \\{([\\s\\S]*?)\\n\\};`).exec(header)?.[1];
  if (body === undefined) throw new Error(`${file} has no struct ${struct}.`);
  // A union is as large as a word; its fields share it.
  const flat = body
    .replace(/union \{[\s\S]*?\};/, 'int64_t value;')
    .replace(/void \(\*(\w+)\)\([^;]*\);/g, 'void* $1;');
  const words: Record<string, number> = {};
  let offset = 0;
  for (const [, type = '', name = ''] of flat.matchAll(/^\s*([\w][\w\s*]*?[\s*])(\w+);/gm)) {
    const bare = type.replace(/\bconst\b/g, '').trim();
    const size = bare.includes('*') ? WORD : (SMALL[bare] ?? (enums.has(bare) ? 4 : WORD));
    offset = Math.ceil(offset / size) * size;
    if (offset % WORD !== 0) throw new Error(`${struct}.${name} shares a word with the field before it.`);
    words[name] = offset / WORD;
    offset += size;
  }
  const { struct_size: _, extension_start: __, ...own } = words;
  return own;
}

const api = /typedef struct PJRT_Api \{([\s\S]*?)\} PJRT_Api;/.exec(header)?.[1] ?? '';
const order = [...api.matchAll(/_PJRT_API_STRUCT_FIELD\(PJRT_(\w+)\)/g)].map(([, name = '']) => name);
/** Before the functions stand the table's size, its extensions and its version, which is a struct of three words. */
const FIRST_FUNCTION = 5;
const version = ['MAJOR', 'MINOR'].map((part) =>
  Number(new RegExp(`#define PJRT_API_${part} (\\d+)`).exec(header)?.[1]),
);

const functions = USED.map((name) => {
  const place = order.indexOf(name);
  if (place < 0) throw new Error(`${file} has no function PJRT_${name}.`);
  return `  ${name}: { place: ${place + FIRST_FUNCTION}, words: ${JSON.stringify(wordsOf(`PJRT_${name}_Args`))} },`;
});
const structs = STRUCTS.map((name) => `  ${name.slice(5)}: ${JSON.stringify(wordsOf(name))},`);
const text = `// Generated from pjrt_c_api.h ${version.join('.')} by scripts/pjrt-table.ts: do not edit.

/** The version of the header. Later versions have only ever added to the end of the table and of its structs. */
export const PJRT_HEADER_VERSION = [${version.join(', ')}] as const;

/** Place of each function in the table, and the word of each field in its argument struct. */
export const pjrtFunctions = {
${functions.join('\n')}
} as const;

/** Words of the structs that arguments point to. */
export const pjrtStructs = {
${structs.join('\n')}
} as const;
`;
writeFileSync(fileURLToPath(new URL('../src/engine/xla/pjrt-table.ts', import.meta.url)), text);
