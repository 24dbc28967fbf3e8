/**
 * Duty: what IPVS should hold for a desired data plane: one virtual service for each VIP and port, or one for a mark, with the
 * servers of the file in one order on all directors.
 *
 * In: the model. Out: wished services; how long connections live, where the file says. It knows nothing of the kernel's state
 * (`plan.ts`), nor of the tables of nftables beside it (`tables.ts`).
 *
 *   weight   that of the file for whoever takes new connections, else 0: a server that is down, drained or has left keeps its
 *            connections, and with `mh` its slots, for which others stand in
 *   method   masquerading for NAT and FullNAT (the source is translated by nftables), direct routing, or a tunnel
 */
import { ipvsShares } from '../../hash/flow-choice.ts';
import type { DesiredDataplane, DesiredServer, DesiredService } from '../../model/dataplane.ts';
import type { Protocol } from '../../model/protocol.ts';
import { DEFAULT_SCHEDULER } from '../../model/scheduler.ts';
import {
  IP_VS_CONN_F_DROUTE,
  IP_VS_CONN_F_MASQ,
  IP_VS_CONN_F_TUNNEL,
  IP_VS_CONN_F_TUNNEL_TYPE_GRE,
  IP_VS_CONN_F_TUNNEL_TYPE_GUE,
  IP_VS_CONN_F_TUNNEL_TYPE_IPIP,
  IP_VS_SVC_F_ONEPACKET,
  IP_VS_SVC_F_PERSISTENT,
  IP_VS_SVC_F_SCHED_FALLBACK,
  IP_VS_SVC_F_SCHED_PORT,
  IP_VS_TUNNEL_ENCAP_FLAG_CSUM,
  IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM,
} from '../../netlink/ipvs/codes.ts';
import { type IpvsDestination, type IpvsTunnel, NO_TUNNEL } from '../../netlink/ipvs/destination.ts';
import type { IpvsService, IpvsServiceKey } from '../../netlink/ipvs/service.ts';
import type { IpvsTimeouts } from '../../netlink/ipvs/settings.ts';
import { isLooped, loopMark } from './looped.ts';

export interface WishedDestination extends IpvsDestination {
  /** The file's weight, by which the slots of a hash are dealt out whether the server takes connections or not; 0 = it has none. */
  readonly share: number;
}

export interface WishedService extends IpvsService {
  /** Of the service in the file. */
  readonly name: string;
  /** By address, ascending, as the kernel is to list them. */
  readonly destinations: readonly WishedDestination[];
  /** Addresses of servers whose connections are ended by taking their destination away, since nobody else can end them. */
  readonly ended: readonly number[];
}

const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

const TUNNEL_TYPES = {
  ipip: IP_VS_CONN_F_TUNNEL_TYPE_IPIP,
  gue: IP_VS_CONN_F_TUNNEL_TYPE_GUE,
  gre: IP_VS_CONN_F_TUNNEL_TYPE_GRE,
} as const;
const CHECKSUMS = {
  none: 0,
  checksum: IP_VS_TUNNEL_ENCAP_FLAG_CSUM,
  remote: IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM,
} as const;

/** Without persistence the kernel holds what it was given last, and looks at neither. */
const WHOLE_ADDRESS = 32;

/** Is the packet's destination translated, so that its answers come back by a director? */
export function isMasqueraded({ direct, tunnel }: DesiredService): boolean {
  return direct === undefined && tunnel === undefined;
}

function schedulerOf({ scheduler = DEFAULT_SCHEDULER }: DesiredService): { name: string; flags: number } {
  if (scheduler.name !== 'mh' && scheduler.name !== 'sh') return { name: scheduler.name, flags: 0 };
  const port = scheduler.sourcePort === true ? IP_VS_SVC_F_SCHED_PORT : 0;
  return { name: scheduler.name, flags: IP_VS_SVC_F_SCHED_FALLBACK | port };
}

function keysOf(service: DesiredService): readonly IpvsServiceKey[] {
  const { vips, ports, protocol, fwmark = isLooped(service) ? loopMark(service) : undefined } = service;
  if (fwmark !== undefined) return [{ fwmark, family: 'ipv4' }];
  const number = PROTOCOL_NUMBERS[protocol];
  return vips.flatMap((address) => ports.map((port) => ({ protocol: number, address, port })));
}

function methodOf({ direct, tunnel }: DesiredService): number {
  if (direct !== undefined) return IP_VS_CONN_F_DROUTE;
  return tunnel === undefined ? IP_VS_CONN_F_MASQ : IP_VS_CONN_F_TUNNEL;
}

function tunnelOf({ tunnel }: DesiredService): IpvsTunnel {
  if (tunnel === undefined) return NO_TUNNEL;
  return { type: TUNNEL_TYPES[tunnel.type], port: tunnel.port ?? 0, flags: CHECKSUMS[tunnel.checksum] };
}

/** A server whose connections only IPVS can end is left out while they are. */
function isHeld(service: DesiredService, { ended }: DesiredServer): boolean {
  return ended !== true || isMasqueraded(service);
}

function wishedService(service: DesiredService, key: IpvsServiceKey): WishedService {
  const { name, persistence, onePacket } = service;
  const scheduler = schedulerOf(service);
  const port = 'port' in key ? key.port : 0;
  const [method, tunnel] = [methodOf(service), tunnelOf(service)];
  return {
    name,
    key,
    scheduler: scheduler.name,
    flags:
      scheduler.flags |
      (persistence === undefined ? 0 : IP_VS_SVC_F_PERSISTENT) |
      (onePacket === true ? IP_VS_SVC_F_ONEPACKET : 0),
    timeout: (persistence ?? 0) / 1000,
    maskBits: service.persistenceMask ?? WHOLE_ADDRESS,
    engine: '',
    destinations: ipvsShares(service)
      .filter(({ server }) => isHeld(service, server))
      .map(({ server: { address, limit: upper = 0, resume: lower = 0 }, share, takes }) => {
        // Written out: spread from a common object, ten thousand of them cost five times as much.
        return { address, port, method, weight: takes ? share : 0, upper, lower, tunnel, share };
      }),
    ended: isMasqueraded(service) ? [] : service.servers.flatMap((one) => (one.ended === true ? [one.address] : [])),
  };
}

/** One for each VIP and port, in the order of the file. */
export function wishedServices({ services }: DesiredDataplane): readonly WishedService[] {
  return services.flatMap((service) => keysOf(service).map((key) => wishedService(service, key)));
}

/** The times that the file's services agree on; undefined members are left as the kernel has them. */
export function wishedTimeouts({ services }: DesiredDataplane): Partial<IpvsTimeouts> {
  const all = services.flatMap(({ timeouts }) => timeouts ?? []);
  const time = (state: 'established' | 'fin_wait' | 'replied') => all.find((one) => one[state] !== undefined)?.[state];
  const [tcp, tcpFin, udp] = [time('established'), time('fin_wait'), time('replied')];
  return {
    ...(tcp === undefined ? {} : { tcp }),
    ...(tcpFin === undefined ? {} : { tcpFin }),
    ...(udp === undefined ? {} : { udp }),
  };
}
