/** What a table of the benchmark is, and what it is given. */
import type { Peer, PeerScript } from './peer.ts';
import type { Row } from './table.ts';

export interface BenchContext {
  /** Interleaved rounds that count; a table may take fewer where a round takes minutes. */
  readonly rounds: number;
  /** The interpreter of the peers, or undefined: then only our side is measured. */
  readonly python: string | undefined;
  /** The kinds of peer to measure (such as eager), or undefined for all that a table has. */
  readonly peers: readonly string[] | undefined;
  /** The works to measure (such as micro), or undefined for all that a table has. */
  readonly works: readonly string[] | undefined;
  /** Threads that both sides may use. */
  readonly threads: number;
  /** A folder or tar file of images that the user named, for the tables that need one. */
  readonly images: string | undefined;
  /** Starts a peer, or resolves to undefined without an interpreter. It is disposed of when the table ends. */
  openPeer(script: PeerScript, config: Readonly<Record<string, unknown>>): Promise<Peer | undefined>;
  /** Starts our own side in a process of its own (bench/own); it is disposed of when the table ends. */
  openOwn(script: PeerScript, config: Readonly<Record<string, unknown>>): Promise<Peer>;
  /** Adds a row. `table` is filled in. */
  report(row: Omit<Row, 'table'>): void;
  /** A line of text for the reader, such as what was left out. */
  note(text: string): void;
}

/** A module under bench/tables exports these three names. */
export interface BenchTable {
  /** What it is called on the command line: the name of its file. */
  readonly name: string;
  readonly title: string;
  run(context: BenchContext): Promise<void>;
}
