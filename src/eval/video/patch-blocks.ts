/**
 * How the patches of a video frame are divided so that each block of them is compared with little more than its own
 * neighborhoods. A block is some rows of patches; what lies in their square neighborhoods is a run of rows of the source
 * frame, its window. Where rows are much wider than a neighborhood, frames are kept as overlapping strips of columns, so
 * that the window is a contiguous run of rows of a strip. All blocks have one size, and so have their windows, so that one
 * program serves them all: at the lower and right edge blocks overlap, at every edge windows are shifted inwards.
 */

/** How frames are divided into patches. */
export interface FrameGrid {
  readonly rows: number;
  readonly columns: number;
  /** Width of a patch's feature. */
  readonly dim: number;
}

/** Where a block and its window begin, in patches. */
export interface PatchBlock {
  readonly strip: number;
  readonly top: number;
  /** First row whose results count: those above belong to the block before. */
  readonly from: number;
  readonly left: number;
  readonly windowTop: number;
  readonly windowLeft: number;
}

/** Cosines of a block with all its source frames: 16 MiB. */
const BLOCK_COSINES = 2 ** 22;

export class PatchBlocks {
  readonly grid: FrameGrid;
  /** How far away a source may be, in rows and in columns. */
  readonly reach: number;
  /** Size of a block. */
  readonly rows: number;
  readonly columns: number;
  /** Size of a window. */
  readonly windowRows: number;
  readonly windowColumns: number;
  readonly #strips: number;

  /**
   * @param neighborhood how many patches away a source may be; 0 for no limit
   * @param sources the most frames that are searched at once
   */
  constructor(grid: FrameGrid, neighborhood: number, sources: number) {
    this.grid = grid;
    this.reach = neighborhood === 0 ? Math.max(grid.rows, grid.columns) : neighborhood;
    // Strips hold every column about twice, so they must spare much.
    const isWide = grid.columns >= 8 * this.reach;
    this.#strips = isWide ? Math.floor(grid.columns / (2 * this.reach)) : 1;
    this.columns = Math.ceil(grid.columns / this.#strips);
    this.windowColumns = Math.min(grid.columns, this.columns + 2 * this.reach);
    const windowRows = (rows: number): number => Math.min(grid.rows, rows + 2 * this.reach);
    const cosines = (r: number): number => r * this.columns * windowRows(r) * this.windowColumns * sources;
    let rows = 1;
    while (rows < Math.min(grid.rows, this.reach) && cosines(rows + 1) <= BLOCK_COSINES) rows++;
    this.rows = rows;
    this.windowRows = windowRows(rows);
  }

  /** Blocks that cover every patch. */
  all(): PatchBlock[] {
    const { rows, columns } = this.grid;
    const blocks: PatchBlock[] = [];
    for (let strip = 0; strip < this.#strips; strip++) {
      const left = this.#left(strip);
      const windowLeft = inside(left - this.reach, this.windowColumns, columns);
      for (let from = 0; from < rows; from += this.rows) {
        const top = Math.min(from, rows - this.rows);
        const windowTop = inside(top - this.reach, this.windowRows, rows);
        blocks.push({ strip, top, from, left, windowTop, windowLeft });
      }
    }
    return blocks;
  }

  /** A frame [rows * columns, dim] as the strips that blocks are cut from, each of all rows. */
  targetStrips(values: Float32Array): Float32Array[] {
    return this.#cut(values, this.columns, (strip) => this.#left(strip));
  }

  /** A frame as the strips that windows are cut from. */
  windowStrips(values: Float32Array): Float32Array[] {
    const { columns } = this.grid;
    return this.#cut(values, this.windowColumns, (strip) =>
      inside(this.#left(strip) - this.reach, this.windowColumns, columns),
    );
  }

  #left(strip: number): number {
    return Math.min(strip * this.columns, this.grid.columns - this.columns);
  }

  #cut(values: Float32Array, width: number, left: (strip: number) => number): Float32Array[] {
    const { rows, columns, dim } = this.grid;
    if (width === columns) return Array.from({ length: this.#strips }, () => values);
    return Array.from({ length: this.#strips }, (_, strip) => {
      const part = new Float32Array(rows * width * dim);
      for (let row = 0; row < rows; row++) {
        const start = (row * columns + left(strip)) * dim;
        part.set(values.subarray(start, start + width * dim), row * width * dim);
      }
      return part;
    });
  }
}

/** The start nearest to `start` of a stretch that lies within 0 .. whole. */
function inside(start: number, size: number, whole: number): number {
  return Math.max(0, Math.min(start, whole - size));
}
