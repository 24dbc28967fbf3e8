/** What the victim of attacks and who attacks it must both know. */
export const CLUSTER = 'test';
export const ROUTER_IDS = { d1: 0x0aff0001, d2: 0x0aff0002 } as const;

/** What it has seen so far. */
export interface VictimReport {
  readonly opened: number;
  readonly closed: number;
  readonly bytes: number;
  readonly frames: number;
  /** Records of frames that decode. */
  readonly records: number;
  /** Connections that the mesh wants in the kernel. */
  readonly applied: number;
  /** Frames that do not decode. */
  readonly undecodable: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Bytes of the process, after everything that can be collected was. */
  readonly rss: number;
}
