/**
 * Which server a new flow to a service gets, and whose slot it meets: the same tables as the planes look into, nftables' own
 * (`service-table.ts`) or the kernel's `mh` (`ipvs-mh.ts`). Other schedulers look at what is going on; no one can say their choice.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { DesiredServer, DesiredService } from '../model/dataplane.ts';
import type { Plane } from '../model/plane.ts';
import { DEFAULT_SCHEDULER, type MaglevScheduler } from '../model/scheduler.ts';
import { ipvsMhServer, ipvsMhSlot, ipvsMhTable } from './ipvs-mh.ts';
import { predictServer, serviceTable, slotOfFlow, takers } from './service-table.ts';

export interface FlowChoice {
  /** `undefined` where no hash decides. */
  readonly slot: number | undefined;
  /** Whose slot it is by the cluster file alone. */
  readonly owner: DesiredServer | undefined;
  /** Who gets it, itself or in the owner's place; `undefined` when it would be dropped, and where no hash decides. */
  readonly server: DesiredServer | undefined;
}

/** `vipPort`: the port that the client asked for; 0 where packets are known by a mark. nftables' choice is the same for all ports. */
export type Choose = (client: Ipv4, port: number, vipPort: number) => FlowChoice;

/** The choice of a plane. Computes the tables; what it returns only looks into them. */
export function flowChooser(service: DesiredService, plane: Plane = 'nftables'): Choose {
  const { scheduler = DEFAULT_SCHEDULER } = service;
  if (plane === 'nftables') return nftablesChooser(service);
  return scheduler.name === 'mh' ? ipvsChooser(service, scheduler) : () => UNKNOWN;
}

const UNKNOWN: FlowChoice = { slot: undefined, owner: undefined, server: undefined };

function nftablesChooser(service: DesiredService): Choose {
  const table = serviceTable(service);
  return (client, port) => {
    const slot = slotOfFlow(table, client, port);
    if (slot === undefined) return UNKNOWN;
    return { slot, owner: table.servers[table.primary[slot]!], server: predictServer(table, client, port) };
  };
}

/** A server as IPVS is to hold it. */
export interface IpvsShare {
  readonly server: DesiredServer;
  /** By which it has slots, whether it takes connections or not; 0 = it has none. */
  readonly share: number;
  /** Does it take new connections now? */
  readonly takes: boolean;
}

/** The servers of a service, each address once, in the order in which IPVS is to list them: by address. */
export function ipvsShares(service: DesiredService): readonly IpvsShare[] {
  const taking = takers(service);
  const taken = new Set(taking.map(({ address }) => address));
  const byAddress = new Map([...service.servers, ...taking].map((server) => [server.address, server]));
  return [...byAddress.values()]
    .sort((a, b) => a.address - b.address)
    .map((server) => {
      const takes = taken.has(server.address);
      // The sorry server has no weight in the file, and all new connections while it is its turn.
      return { server, takes, share: takes ? Math.max(server.weight, 1) : server.weight };
    });
}

/** Each port of a service is a virtual service of its own, whose servers are hashed with that port. */
function ipvsChooser(service: DesiredService, { sourcePort }: MaglevScheduler): Choose {
  const shares = ipvsShares(service);
  const takes = shares.map((one) => one.takes);
  const tables = new Map<number, Uint16Array>();
  const tableOf = (port: number): Uint16Array => {
    const known = tables.get(port);
    if (known !== undefined) return known;
    const made = ipvsMhTable(shares.map(({ server, share }) => ({ address: server.address, port, weight: share })));
    tables.set(port, made);
    return made;
  };
  return (client, clientPort, vipPort) => {
    const port = sourcePort ? clientPort : 0;
    const table = tableOf(service.fwmark === undefined ? vipPort : 0);
    const slot = ipvsMhSlot(client, port);
    const [owner, server] = [table[slot]!, ipvsMhServer(table, takes, client, port)].map((i) => shares[i]?.server);
    return { slot, owner, server };
  };
}
