/** Operations that compute each element by itself, as expressions of WGSL. */
import * as elementwise from '../../ops/elementwise.ts';
import { castOp } from '../../ops/layout.ts';
import type { DType, Node, Op } from '../../tensor.ts';

export interface Pointwise {
  /** What it costs, in additions. */
  readonly cost: number;
  /** @param x the operands, as names or literals */
  write(x: readonly string[], node: Node): string;
}

/**
 * Functions of kernels, each after those that it calls. Drivers may compute as if there were no NaN; where one decides (whether a step is
 * applied) the bits are asked.
 */
export const FUNCTIONS: readonly (readonly [name: string, text: string])[] = [
  ['isNan', 'fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }'],
  ['same', 'fn same(a: f32, b: f32) -> bool { return a == b && !isNan(a) && !isNan(b); }'],
  ['larger', 'fn larger(a: f32, b: f32) -> f32 { return select(b, a, a > b || isNan(a)); }'],
  [
    'differenceToItself',
    'fn differenceToItself(x: f32) -> f32 { return bitcast<f32>(select(0u, 0x7fc00000u, (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u)); }',
  ],
  ['tanhOf', 'fn tanhOf(x: f32) -> f32 { return select(tanh(x), sign(x), abs(x) > 15.0); }'],
  [
    'erfOf',
    `fn erfOf(value: f32) -> f32 {
  let x = clamp(value, -3.8325069, 3.8325069);
  let y = x * x;
  let p = (((0.00022905065861350646 * y + 0.0034082910107109506) * y + 0.050955695062380861) * y + 0.18520832239976145) * y + 1.128379143519084;
  let q = (((((-1.1791602954361697e-7 * y + 0.000023547966471313185) * y + 0.0010179625278914885) * y + 0.014070470171167667) * y + 0.11098505178285362) * y + 0.49746925110067538) * y + 1.0;
  return select(x * p / q, value, isNan(value));
}`,
  ],
];

const joined = (sign: string): Pointwise => ({ cost: 1, write: ([a, b]) => `${a} ${sign} ${b}` });
const called = (name: string, cost: number): Pointwise => ({
  cost,
  write: (x) => `${name}(${x.join(', ')})`,
});

const floats = (node: Node): boolean => node.input(0).dtype === 'f32';

const rules: readonly (readonly [Op, Pointwise])[] = [
  [elementwise.addOp, joined('+')],
  // The difference of a value to itself tells whether it is finite.
  [
    elementwise.subOp,
    {
      cost: 1,
      write: ([a, b], node) => (a === b && floats(node) ? `differenceToItself(${a})` : `${a} - ${b}`),
    },
  ],
  [elementwise.mulOp, joined('*')],
  [elementwise.divOp, { ...joined('/'), cost: 2 }],
  [
    elementwise.maximumOp,
    { cost: 2, write: ([a, b], node) => `${floats(node) ? 'larger' : 'max'}(${a}, ${b})` },
  ],
  [elementwise.negOp, { cost: 1, write: ([a]) => `-(${a})` }],
  [elementwise.expOp, called('exp', 8)],
  [elementwise.logOp, called('log', 8)],
  [elementwise.sqrtOp, called('sqrt', 4)],
  [elementwise.tanhOp, called('tanhOf', 12)],
  [elementwise.erfOp, called('erfOf', 20)],
  [elementwise.greaterOp, joined('>')],
  [
    elementwise.equalOp,
    { cost: 1, write: ([a, b], node) => (floats(node) ? `same(${a}, ${b})` : `${a} == ${b}`) },
  ],
  [elementwise.whereOp, { cost: 1, write: ([condition, a, b]) => `select(${b}, ${a}, ${condition})` }],
  [castOp, { cost: 1, write: ([x = ''], node) => converted(x, node.input(0).dtype, node.output().dtype) }],
];

export const pointwise: ReadonlyMap<Op, Pointwise> = new Map(rules);

/** What values are while a kernel computes with them. */
export const WGSL_TYPE: Readonly<Record<DType, string>> = {
  f32: 'f32',
  f16: 'f16',
  i64: 'i32',
  bool: 'bool',
  u8: 'u32',
};

function converted(x: string, from: DType, to: DType): string {
  if (to === 'bool') return `${x} != ${WGSL_TYPE[from]}(0)`;
  if (from === 'bool') return `select(${WGSL_TYPE[to]}(0), ${WGSL_TYPE[to]}(1), ${x})`;
  return `${WGSL_TYPE[to]}(${x})`;
}
