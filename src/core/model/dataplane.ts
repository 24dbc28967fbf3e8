/** What the data plane should look like, and what it was found to look like. Shared by the planner, the drivers and the policy. */
import type { Ipv4 } from '../base/ipv4.ts';

/** `up` takes new connections; `down` and `drained` keep their hash slots, which fall back to a live server. */
export type ServerState = 'up' | 'down' | 'drained';

export interface DesiredServer {
  readonly name: string;
  readonly address: Ipv4;
  /** From the file, never from health: all directors compute the same table from it. */
  readonly weight: number;
  readonly state: ServerState;
}

export interface DesiredService {
  readonly name: string;
  readonly vips: readonly Ipv4[];
  readonly ports: readonly number[];
  readonly protocol: 'tcp' | 'udp';
  readonly servers: readonly DesiredServer[];
}

export interface DesiredDataplane {
  readonly services: readonly DesiredService[];
}

/** Counters of one service since its table was made. */
export interface ServiceCounters {
  readonly service: string;
  readonly newConnections: number;
  /** New connections that found no server to go to, and were dropped. */
  readonly misses: number;
  /** Client to server. */
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

export interface ServerCounters {
  readonly service: string;
  readonly server: string;
  readonly newConnections: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

/** Of all services and their servers. */
export interface DataplaneCounters {
  readonly services: readonly ServiceCounters[];
  readonly servers: readonly ServerCounters[];
}
