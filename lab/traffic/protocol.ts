/**
 * The words between the load client (a process in the client's namespace) and whoever runs it: JSON, one object a line.
 * Times are milliseconds on the client's monotonic clock since its start; `t` is when the line was written.
 */
export const LOAD_KINDS = ['request', 'idle', 'push', 'bulk', 'short'] as const;
export type LoadKind = (typeof LOAD_KINDS)[number];

/**
 * How a connection was lost. `closed`: an end that nobody asked for. `wrong`: bytes, a server or a connection number that
 * do not continue what came before. `stalled`: nothing came for the patience given although something was due. `refused`,
 * `timeout` and `unreachable` only happen while a connection opens, `reset` at any time.
 */
export type BrokenClass = 'reset' | 'closed' | 'wrong' | 'stalled' | 'refused' | 'timeout' | 'unreachable';

export type Counts<K extends string> = Readonly<Partial<Record<K, number>>>;

/** Four times a second: what the live view needs. Counts are those of the current window. */
export interface TickLine {
  readonly kind: 'tick';
  readonly t: number;
  /** Established connections by kind. */
  readonly live: Readonly<Record<LoadKind, number>>;
  /** Connections established since the start of the client. */
  readonly opened: number;
  /** Answers verified and stream bytes verified since the start of the client. */
  readonly answers: number;
  readonly streamed: number;
  /** Connections that wait for the server for longer than a second at this moment. */
  readonly stalling: number;
  readonly window: WindowSummary;
}

/** One established connection was lost. */
export interface BrokenLine {
  readonly kind: 'broken';
  readonly t: number;
  /** `address:port` of the client's side. */
  readonly flow: string;
  readonly load: LoadKind;
  readonly class: BrokenClass;
  readonly detail: string;
  readonly server: string | null;
  /** Since the connection was established. */
  readonly age: number;
}

/** A connection could not be opened. */
export interface FailedLine {
  readonly kind: 'failed';
  readonly t: number;
  readonly flow: string;
  readonly load: LoadKind;
  readonly class: BrokenClass;
}

export interface FlowRow {
  readonly flow: string;
  readonly load: LoadKind;
  readonly server: string | null;
  readonly started: number;
  readonly longestStall: number;
  /** For how long it has been waiting for the server now; 0 if it is not waiting. */
  readonly waiting: number;
}

/** Answer to `flows`: the long-lived connections that are established now. */
export interface FlowsLine {
  readonly kind: 'flows';
  readonly t: number;
  readonly flows: readonly FlowRow[];
}

/** What happened since a mark. */
export interface WindowSummary {
  readonly name: string;
  readonly start: number;
  readonly duration: number;
  readonly opened: number;
  /** Established connections that were lost, by class and by kind of load. */
  readonly broken: Counts<BrokenClass>;
  readonly brokenByLoad: Counts<LoadKind>;
  /** Connections that could not be opened, by class. */
  readonly failed: Counts<BrokenClass>;
  /** Connections that took more than a second to open. */
  readonly slow: number;
  /** Waits for the server of more than a second, and the longest wait of any length. */
  readonly stalls: number;
  readonly longestStall: number;
  /** The longest wait by kind of load. */
  readonly longestWaits: Counts<LoadKind>;
  /** From the mark to the moment after which no new connection failed or was slow for 2 s; null if there is none yet. */
  readonly reconverged: number | null;
  /** The greatest lateness of the client's own clock tick: what it may have added itself to `longestStall`. */
  readonly ownLag: number;
}

/** Answer to `mark` (the window that it closed) and to `window` (the one still open); `final` after `stop`. */
export interface WindowLine {
  readonly kind: 'window' | 'final';
  readonly t: number;
  readonly window: WindowSummary;
}

export interface FaultLine {
  readonly kind: 'fault';
  readonly t: number;
  readonly message: string;
}

export type TrafficLine = TickLine | BrokenLine | FailedLine | FlowsLine | WindowLine | FaultLine;

export type TrafficCommand =
  | { readonly cmd: 'flows' }
  | { readonly cmd: 'window' }
  | { readonly cmd: 'mark'; readonly name: string }
  | { readonly cmd: 'stop' };

/**
 * Reads one line of commands. Returns the command, or what is wrong with the line as text.
 */
export function parseCommand(line: string): TrafficCommand | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return `not JSON: ${line}`;
  }
  if (typeof value !== 'object' || value === null || !('cmd' in value)) return 'a command is an object with "cmd"';
  switch (value.cmd) {
    case 'flows':
    case 'window':
    case 'stop':
      return { cmd: value.cmd };
    case 'mark':
      if (!('name' in value) || typeof value.name !== 'string') return '"mark" needs a "name"';
      return { cmd: 'mark', name: value.name };
    default:
      return `unknown command ${JSON.stringify(value.cmd)}; there are flows, window, mark and stop`;
  }
}
