/**
 * The repulsion of t-SNE by a Barnes-Hut quadtree (van der Maaten 2014, section 4.2): a cell that looks small from a point acts
 * on it as one mass at its center.
 *
 * Points are sorted along a Z curve, so that every cell is a run of them and the tree is an array in depth-first order: a cell
 * is followed by its first child, and `next` is where its part of the tree ends. A walk needs no stack and reads forwards.
 * All arrays are made once; building and walking allocate nothing.
 */

/** Bits of a coordinate; points that share a cell of 2^-16 of the extent act as one mass. */
const LEVELS = 16;
const RADIX = 256;

export class Quadtree {
  readonly #count: number;
  /** [nodes] each: center of mass, points, squared width over theta^2 (0 for a leaf), end of the subtree. */
  #x: Float64Array;
  #y: Float64Array;
  #mass: Float64Array;
  #reach: Float64Array;
  #next: Int32Array;
  #nodes = 0;
  #codes: Uint32Array;
  #order: Uint32Array;
  #spareCodes: Uint32Array;
  #spareOrder: Uint32Array;
  readonly #buckets = new Uint32Array(RADIX);
  #positions: Float64Array = new Float64Array();
  #scale = 0;

  /** @param count of points */
  constructor(count: number) {
    this.#count = count;
    // Cells with one child are skipped, so inner cells are fewer than leaves.
    const size = Math.max(1, 2 * count);
    this.#x = new Float64Array(size);
    this.#y = new Float64Array(size);
    this.#mass = new Float64Array(size);
    this.#reach = new Float64Array(size);
    this.#next = new Int32Array(size);
    this.#codes = new Uint32Array(count);
    this.#order = new Uint32Array(count);
    this.#spareCodes = new Uint32Array(count);
    this.#spareOrder = new Uint32Array(count);
  }

  /**
   * @param positions finite, [count, 2]
   * @param theta how wide a cell may be, seen from a point, to act as one mass; 0 is exact
   */
  build(positions: Float64Array, theta: number): void {
    let [left, top, right, bottom] = [positions[0]!, positions[1]!, positions[0]!, positions[1]!];
    for (let i = 0; i < 2 * this.#count; i += 2) {
      const x = positions[i]!;
      const y = positions[i + 1]!;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
    const extent = Math.max(right - left, bottom - top);
    const cells = extent > 0 ? (2 ** LEVELS - 1e-3) / extent : 0;
    for (let i = 0; i < this.#count; i++) {
      const column = Math.trunc((positions[2 * i]! - left) * cells);
      const row = Math.trunc((positions[2 * i + 1]! - top) * cells);
      this.#codes[i] = (spread(column) | (spread(row) << 1)) >>> 0;
      this.#order[i] = i;
    }
    this.#sort();
    this.#positions = positions;
    this.#scale = theta > 0 ? (extent / theta) ** 2 : Number.POSITIVE_INFINITY;
    this.#nodes = 0;
    this.#add(0, this.#count, 0);
  }

  /**
   * Adds up, for every point, mass q^2 (y_i - y_cell) with q = 1 / (1 + distance^2), and returns the sum of all q.
   *
   * @param forces overwritten, [count, 2]
   */
  repulsion(forces: Float64Array): number {
    const [xs, ys, mass, reach, next] = [this.#x, this.#y, this.#mass, this.#reach, this.#next];
    const nodes = this.#nodes;
    const order = this.#order;
    const positions = this.#positions;
    let total = 0;
    // In the order of the curve: points that follow each other walk through the same cells.
    for (let at = 0; at < this.#count; at++) {
      const i = 2 * order[at]!;
      const x = positions[i]!;
      const y = positions[i + 1]!;
      let [forceX, forceY, sum] = [0, 0, 0];
      for (let node = 0; node < nodes; ) {
        const dx = x - xs[node]!;
        const dy = y - ys[node]!;
        const square = dx * dx + dy * dy;
        if (reach[node]! > square) {
          node++;
          continue;
        }
        const q = 1 / (1 + square);
        const weight = mass[node]! * q;
        sum += weight;
        forceX += weight * q * dx;
        forceY += weight * q * dy;
        node = next[node]!;
      }
      total += sum - 1; // not with itself
      forces[i] = forceX;
      forces[i + 1] = forceY;
    }
    return total;
  }

  /** Adds the cell of the sorted points `from` to `to`, which agree in the first `level` pairs of bits, and all below it. */
  #add(from: number, to: number, level: number): void {
    const codes = this.#codes;
    // Where the first and the last differ is where the cell divides: all levels above have one child.
    const differing = Math.clz32(codes[from]! ^ codes[to - 1]!) >> 1;
    const depth = Math.max(level, differing);
    const node = this.#nodes++;
    if (to - from === 1 || depth >= LEVELS) {
      let [x, y] = [0, 0];
      for (let i = from; i < to; i++) {
        x += this.#positions[2 * this.#order[i]!]!;
        y += this.#positions[2 * this.#order[i]! + 1]!;
      }
      this.#finish(node, x, y, to - from, 0);
      return;
    }
    const shift = 2 * (LEVELS - 1 - depth);
    let start = from;
    let [x, y] = [0, 0];
    for (let end = from + 1; end <= to; end++) {
      if (end < to && codes[end]! >>> shift === codes[start]! >>> shift) continue;
      const child = this.#nodes;
      this.#add(start, end, depth + 1);
      x += this.#x[child]! * this.#mass[child]!;
      y += this.#y[child]! * this.#mass[child]!;
      start = end;
    }
    this.#finish(node, x, y, to - from, this.#scale / 4 ** depth);
  }

  #finish(node: number, x: number, y: number, mass: number, reach: number): void {
    this.#x[node] = x / mass;
    this.#y[node] = y / mass;
    this.#mass[node] = mass;
    this.#reach[node] = reach;
    this.#next[node] = this.#nodes;
  }

  /** Radix sort of the codes with their points, 8 bits at a time. */
  #sort(): void {
    const buckets = this.#buckets;
    for (let shift = 0; shift < 32; shift += 8) {
      const [codes, order] = [this.#codes, this.#order];
      buckets.fill(0);
      for (let i = 0; i < codes.length; i++) buckets[(codes[i]! >>> shift) & 255]!++;
      let start = 0;
      for (let b = 0; b < RADIX; b++) {
        const size = buckets[b]!;
        buckets[b] = start;
        start += size;
      }
      for (let i = 0; i < codes.length; i++) {
        const to = buckets[(codes[i]! >>> shift) & 255]!++;
        this.#spareCodes[to] = codes[i]!;
        this.#spareOrder[to] = order[i]!;
      }
      [this.#codes, this.#spareCodes] = [this.#spareCodes, codes];
      [this.#order, this.#spareOrder] = [this.#spareOrder, order];
    }
  }
}

/** The 16 bits of a number with a 0 between each two. */
function spread(value: number): number {
  let bits = value & 0xffff;
  bits = (bits | (bits << 8)) & 0x00ff00ff;
  bits = (bits | (bits << 4)) & 0x0f0f0f0f;
  bits = (bits | (bits << 2)) & 0x33333333;
  return (bits | (bits << 1)) & 0x55555555;
}
