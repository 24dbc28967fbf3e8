/**
 * IPVS in memory, for tests without its module: the generic netlink family as the kernel answers it, and what becomes of packets.
 *
 * It keeps what the real one keeps and a listing does not show: the order of destinations (the newest first), the last weight that
 * was not 0, and destinations that were deleted, which come back with their connections when they are added again.
 */
import type { Ipv4 } from '../../../core/base/ipv4.ts';
import { type IpvsServer, ipvsMhServer, ipvsMhTable } from '../../../core/hash/ipvs-mh.ts';
import { encodeAnswer, type GenericMessage } from '../../../core/netlink/generic.ts';
import {
  IP_VS_SVC_F_PERSISTENT,
  IP_VS_SVC_F_SCHED_PORT,
  IPVS_CMD_DEL_DEST,
  IPVS_CMD_DEL_SERVICE,
  IPVS_CMD_GET_CONFIG,
  IPVS_CMD_GET_DEST,
  IPVS_CMD_GET_INFO,
  IPVS_CMD_GET_SERVICE,
  IPVS_CMD_NEW_DEST,
  IPVS_CMD_NEW_SERVICE,
  IPVS_CMD_SET_CONFIG,
  IPVS_CMD_SET_DEST,
  IPVS_CMD_SET_SERVICE,
  NO_SCHEDULER,
} from '../../../core/netlink/ipvs/codes.ts';
import {
  type CountedDestination,
  decodeDestination,
  destinationKeyText,
  encodeCountedDestination,
} from '../../../core/netlink/ipvs/destination.ts';
import {
  type CountedService,
  decodeService,
  encodeCountedService,
  serviceKeyText,
} from '../../../core/netlink/ipvs/service.ts';
import { decodeTimeouts, encodeInfo, encodeTimeouts, type IpvsTimeouts } from '../../../core/netlink/ipvs/settings.ts';
import { type IpvsStatistics, NO_STATISTICS } from '../../../core/netlink/ipvs/statistics.ts';
import type { Decode, GenericFamily, GenericRefusal } from '../../../io/generic-netlink.ts';
import type { IpvsFile } from '../../../io/ipvs-file.ts';
import { KernelError } from '../../../io/kernel-error.ts';
import type { FakeFlow } from './direct.ts';

const KNOWN_SCHEDULERS = new Set(['rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf'.split(' '), NO_SCHEDULER].flat());
const PACKET_BYTES = 60;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface FakeDestination extends Mutable<CountedDestination> {
  /** The last weight that was not 0. */
  lastWeight: number;
}

interface FakeService {
  service: Mutable<CountedService>;
  /** The newest first. */
  destinations: FakeDestination[];
  /** Deleted, and not yet forgotten. */
  trash: FakeDestination[];
  turn: number;
}

function destinationLine(destination: CountedDestination): string {
  const { method, weight, active, inactive } = destination;
  const counts = [active, inactive].map((count) => String(count).padEnd(10)).join(' ');
  return `  -> ${destinationKeyText(destination)}      ${method} ${String(weight).padEnd(6)} ${counts}`;
}

function plusOne(statistics: IpvsStatistics, connections: number): IpvsStatistics {
  return {
    connections: statistics.connections + connections,
    packetsIn: statistics.packetsIn + 1,
    packetsOut: statistics.packetsOut + 1,
    bytesIn: statistics.bytesIn + PACKET_BYTES,
    bytesOut: statistics.bytesOut + PACKET_BYTES,
  };
}

export class FakeIpvs implements GenericFamily, IpvsFile {
  readonly #services = new Map<string, FakeService>();
  readonly #connections = new Map<string, { readonly service: string; readonly destination: FakeDestination }>();
  readonly #tables = new Map<string, Uint16Array>();
  #timeouts: IpvsTimeouts = { tcp: 900, tcpFin: 120, udp: 300 };
  /** Requests that were made of it, but for those that only ask. */
  writes = 0;
  /** Dumps of destinations that were made. */
  dumped = 0;
  /** When set, there is no such module. */
  missing = false;

  async perform(_request: string, messages: readonly GenericMessage[]): Promise<readonly GenericRefusal[]> {
    this.#mustBeThere();
    return messages.flatMap((message, index) => {
      this.writes += 1;
      const errno = this.#write(message);
      return errno === undefined ? [] : [{ index, errno }];
    });
  }

  async get<T>(_request: string, { command }: GenericMessage, decode: Decode<T>): Promise<T> {
    this.#mustBeThere();
    const info = { version: '1.2.1', connectionTable: 4096 };
    if (command === IPVS_CMD_GET_INFO) return decode(encodeAnswer((w) => encodeInfo(w, info)));
    if (command === IPVS_CMD_GET_CONFIG) return decode(encodeAnswer((w) => encodeTimeouts(w, this.#timeouts)));
    throw new KernelError('fake-ipvs', { errno: 'EOPNOTSUPP' });
  }

  /** As /proc/net/ip_vs has it, with the key in plain text. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.missing) return undefined;
    const lines = [...this.#services].flatMap(([key, { service, destinations }]) => {
      const persistent = (service.flags & IP_VS_SVC_F_PERSISTENT) === 0 ? '' : `persistent ${service.timeout}`;
      return [`${key} ${service.scheduler} ${persistent}`, ...destinations.map(destinationLine)];
    });
    return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
  }

  async dumps<T>(_request: string, messages: readonly GenericMessage[], decode: Decode<T>) {
    this.#mustBeThere();
    return messages.map(({ command, attributes }) => {
      if (command === IPVS_CMD_GET_SERVICE) {
        const all = [...this.#services.values()];
        return all.map(({ service }) => decode(encodeAnswer((w) => encodeCountedService(w, service))));
      }
      if (command !== IPVS_CMD_GET_DEST) return undefined;
      this.dumped += 1;
      const found = this.#services.get(serviceKeyText(decodeService(encodeAnswer(attributes)).key));
      return (found?.destinations ?? []).map((one) => decode(encodeAnswer((w) => encodeCountedDestination(w, one))));
    });
  }

  close(): void {}

  /** As `ipvsadm -C`: everything goes, whoever made it; connections stay, and find no service. */
  flush(): void {
    this.#services.clear();
  }

  /** Each service as a line, its destinations in the kernel's order with their weights. */
  listing(): readonly string[] {
    return [...this.#services].map(([key, { service, destinations }]) => {
      const list = destinations.map((one) => `${destinationKeyText(one)} ${one.weight}`);
      return `${key} ${service.scheduler}: ${list.join(', ')}`;
    });
  }

  /** As `ipvsadm -S -n` writes services of TCP and UDP without flags, and destinations that are masqueraded. */
  saved(): readonly string[] {
    return [...this.#services.values()].flatMap(({ service, destinations }) => {
      const at = serviceKeyText(service.key).replace('tcp', '-t').replace('udp', '-u');
      const lines = destinations.map((one) => `-a ${at} -r ${destinationKeyText(one)} -m -w ${one.weight}`);
      return [`-A ${at} -s ${service.scheduler}`, ...lines];
    });
  }

  /** All connections have ended. */
  forget(): void {
    this.#connections.clear();
    for (const { destinations } of this.#services.values()) for (const one of destinations) one.active = 0;
  }

  /** In the order of `listing`. */
  lastWeights(): readonly (readonly number[])[] {
    return [...this.#services.values()].map(({ destinations }) => destinations.map(({ lastWeight }) => lastWeight));
  }

  /** By service and address; what `mh` deals its slots by. */
  lastWeight(service: string, destination: string): number | undefined {
    const found = this.#services.get(service)?.destinations.find((one) => destinationKeyText(one) === destination);
    return found?.lastWeight;
  }

  /** A packet from a client: the server that gets it; `undefined` when nobody does. */
  packet(flow: FakeFlow): Ipv4 | undefined {
    const key = `${flow.protocol} ${flow.source}:${flow.sport} ${flow.vip}:${flow.port}`;
    const protocol = { tcp: 6, udp: 17 }[flow.protocol];
    const service = serviceKeyText({ protocol, address: flow.vip, port: flow.port });
    const known = this.#connections.get(key);
    if (known !== undefined && this.#isThere(known.service, known.destination)) {
      this.#count(known.service, known.destination, 0);
      return known.destination.address as Ipv4;
    }
    const found = this.#services.get(service);
    const destination = found && this.#choose(found, flow);
    if (destination === undefined) return undefined;
    destination.active += 1;
    this.#connections.set(key, { service, destination });
    this.#count(service, destination, 1);
    return destination.address as Ipv4;
  }

  #count(service: string, destination: FakeDestination, connections: number): void {
    const found = this.#services.get(service);
    if (found !== undefined) found.service.statistics = plusOne(found.service.statistics, connections);
    destination.statistics = plusOne(destination.statistics, connections);
  }

  #isThere(service: string, destination: FakeDestination): boolean {
    return this.#services.get(service)?.destinations.includes(destination) === true;
  }

  #choose(found: FakeService, { source, sport }: FakeFlow): FakeDestination | undefined {
    const { service, destinations } = found;
    if (service.scheduler === NO_SCHEDULER) return undefined;
    const takes = destinations.map(({ weight, upper, active }) => weight > 0 && (upper === 0 || active < upper));
    if (service.scheduler === 'mh') {
      const servers = destinations.map(
        ({ address, port, lastWeight }): IpvsServer => ({ address: address as Ipv4, port, weight: lastWeight }),
      );
      const port = (service.flags & IP_VS_SVC_F_SCHED_PORT) === 0 ? 0 : sport;
      return destinations[ipvsMhServer(this.#tableOf(servers), takes, source, port)];
    }
    const round = destinations.flatMap((one, index) => {
      const turns = service.scheduler === 'wrr' ? one.weight : 1;
      return takes[index] === true ? Array.from({ length: turns }, () => one) : [];
    });
    return round[found.turn++ % round.length];
  }

  /** Computed anew only when servers or weights have changed. */
  #tableOf(servers: readonly IpvsServer[]): Uint16Array {
    const key = servers.map(({ address, port, weight }) => `${address}:${port} ${weight}`).join();
    const table = this.#tables.get(key) ?? ipvsMhTable(servers);
    this.#tables.set(key, table);
    return table;
  }

  #mustBeThere(): void {
    if (this.missing) throw new KernelError('genl-family', { family: 'IPVS', errno: 'ENOENT' });
  }

  #write({ command, attributes }: GenericMessage): string | undefined {
    const payload = encodeAnswer(attributes);
    if (command === IPVS_CMD_SET_CONFIG) {
      this.#timeouts = decodeTimeouts(payload);
      return undefined;
    }
    const service = decodeService(payload);
    const key = serviceKeyText(service.key);
    const found = this.#services.get(key);
    if (command === IPVS_CMD_NEW_SERVICE || command === IPVS_CMD_SET_SERVICE) {
      return this.#writeService(command === IPVS_CMD_NEW_SERVICE, service, found);
    }
    if (found === undefined) return 'ESRCH';
    if (command !== IPVS_CMD_DEL_SERVICE) return this.#writeDestination(command, decodeDestination(payload), found);
    this.#services.delete(key);
    return undefined;
  }

  #writeService(isNew: boolean, service: CountedService, found: FakeService | undefined): string | undefined {
    if (!KNOWN_SCHEDULERS.has(service.scheduler)) return 'ENOENT';
    if (isNew && found !== undefined) return 'EEXIST';
    if (!isNew && found === undefined) return 'ESRCH';
    const statistics = found?.service.statistics ?? NO_STATISTICS;
    if (found !== undefined) found.service = { ...service, statistics };
    else {
      const fresh = { service: { ...service, statistics }, destinations: [], trash: [], turn: 0 };
      this.#services.set(serviceKeyText(service.key), fresh);
    }
    return undefined;
  }

  #writeDestination(command: number, wished: CountedDestination, found: FakeService): string | undefined {
    const same = (one: FakeDestination) => destinationKeyText(one) === destinationKeyText(wished);
    const present = found.destinations.find(same);
    if (command === IPVS_CMD_NEW_DEST) {
      if (present !== undefined) return 'EEXIST';
      const counts = { active: 0, inactive: 0, persistent: 0, statistics: NO_STATISTICS };
      const revived = found.trash.find(same);
      found.trash = found.trash.filter((one) => one !== revived);
      const destination = Object.assign(revived ?? counts, writable(wished), { lastWeight: wished.weight });
      found.destinations.unshift(destination as FakeDestination);
      return undefined;
    }
    if (present === undefined) return 'ENOENT';
    if (command === IPVS_CMD_SET_DEST) {
      Object.assign(present, writable(wished));
      if (wished.weight !== 0) present.lastWeight = wished.weight;
    } else if (command === IPVS_CMD_DEL_DEST) {
      found.destinations = found.destinations.filter((one) => one !== present);
      found.trash.push(present);
    } else return 'EOPNOTSUPP';
    return undefined;
  }
}

/** What a request says of a destination. */
function writable({ address, port, method, weight, upper, lower, tunnel }: CountedDestination) {
  return { address, port, method, weight, upper, lower, tunnel };
}
