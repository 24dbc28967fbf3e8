/**
 * Checks of tunnels, single packets, SCTP, thresholds and ports of servers: what no data plane could do, and why. In and out as
 * in `checks/cross.ts`. What one plane can do and the other cannot is in `checks/planes.ts`.
 */
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;
type Service = NonNullable<NonNullable<File['services']>[string]>;

export function* ipvsChecks(file: File): Iterable<Complaint> {
  for (const [name, service] of entries(file.services)) {
    const path = ['services', name];
    yield* tunnelChecks(path, service);
    yield* onePacketChecks(path, service);
    yield* sctpChecks(path, service);
    yield* thresholdChecks(path, service);
    yield* portChecks(path, service);
    yield* tunneledChecks(path, service);
  }
}

function* tunnelChecks(path: readonly string[], { forward, tunnel }: Service): Iterable<Complaint> {
  if (tunnel === undefined) return;
  const at = [...path, 'tunnel'];
  if (forward !== undefined && forward !== 'tun') {
    const message = `${forward} puts packets into no tunnel`;
    yield { path: at, part: 'key', message, hint: 'add forward: tun, or remove it' };
  }
  const { type, port, checksum } = tunnel;
  if (type === undefined) return;
  if (port !== undefined && type !== 'gue') {
    yield { path: [...at, 'port'], part: 'key', message: `${type} has no port`, hint: 'gue has' };
  }
  if (checksum === 'remote' && type !== 'gue') {
    const message = `remote checksum offload is a field of GUE’s header, which ${type} has not`;
    const hint = type === 'gre' ? 'use checksum or none' : 'use none, or type: gue';
    yield { path: [...at, 'checksum'], part: 'value', message, hint };
  } else if (checksum === 'checksum' && type === 'ipip') {
    const message = 'ipip has no checksum beside the inner packet’s own';
    yield { path: [...at, 'checksum'], part: 'value', message, hint: 'use none, or type: gue or gre' };
  }
}

/** Every datagram is a connection of its own, over as soon as it is sent on. */
function* onePacketChecks(path: readonly string[], service: Service): Iterable<Complaint> {
  const { onePacket, protocol, persistence, forward } = service;
  if (onePacket !== true) return;
  const at = { path: [...path, 'onePacket'], part: 'key' } as const;
  const isUdp = 'fwmark' in service || ('protocol' in service && (protocol === undefined || protocol === 'udp'));
  if (!isUdp) {
    const message = `a packet of ${protocol ?? 'tcp'} means nothing to a server that has not seen those before it`;
    yield { ...at, message, hint: 'onePacket is for protocol: udp' };
  }
  if (persistence !== undefined && persistence !== false) {
    const message =
      'not with persistence: one sends every packet to another server, the other all of a client to the same';
    yield { ...at, message, hint: 'remove one of both' };
  }
  if (forward === 'fullnat') {
    const message =
      'not with forward: fullnat: conntrack has one server for a flow, and answers of others would not be translated';
    yield { ...at, message, hint: 'use nat, dr or tun' };
  }
}

function* sctpChecks(path: readonly string[], { protocol, forward, sync }: Service): Iterable<Complaint> {
  if (protocol !== 'sctp') return;
  if (forward === 'fullnat') {
    const message = 'not with protocol: sctp: port blocks are shared out for tcp and udp';
    yield { path: [...path, 'forward'], part: 'value', message, hint: 'use nat, dr or tun' };
  }
  if (sync !== undefined && sync !== 'off') {
    const message = 'not with protocol: sctp: connections of tcp and udp are copied';
    yield { path: [...path, 'sync'], part: 'value', message, hint: 'remove it' };
  }
}

/** As `ipvsadm`'s upper and lower threshold. */
function* thresholdChecks(path: readonly string[], { servers }: Service): Iterable<Complaint> {
  for (const [server, settings] of entries(servers)) {
    const { limit, resume } = settings;
    if (resume === undefined) continue;
    const at = { path: [...path, 'servers', server, 'resume'] };
    if (!('limit' in settings)) {
      yield {
        ...at,
        part: 'key',
        message: 'there is no limit that the server could have reached',
        hint: 'add limit: N',
      };
    } else if (limit !== undefined && resume > limit) {
      yield {
        ...at,
        part: 'value',
        message: `is more than the limit, which is ${limit}`,
        hint: 'write less, or remove it',
      };
    }
  }
}

function* portChecks(path: readonly string[], { forward, servers }: Service): Iterable<Complaint> {
  if (forward === undefined) return;
  const hint = 'remove it: servers listen on the ports of the service';
  const asSent = `forward: ${forward} cannot map ports: packets reach the server as the client sent them`;
  const message = forward === 'dr' || forward === 'tun' ? asSent : 'not supported in this version';
  for (const [server, { port }] of entries(servers)) {
    if (port !== undefined) yield { path: [...path, 'servers', server, 'port'], part: 'key', message, hint };
  }
}

/** Answers go past the director: it can neither speak for the server nor copy what it does not know. */
function* tunneledChecks(path: readonly string[], { forward, whenServerDown, sync }: Service): Iterable<Complaint> {
  if (forward !== 'tun') return;
  if (whenServerDown === 'reset') {
    const message = 'not with forward: tun: the director cannot end connections whose answers it does not see';
    const hint = 'connections of a server that is down are left to themselves';
    yield { path: [...path, 'whenServerDown'], part: 'value', message, hint };
  }
  if (sync !== undefined && sync !== 'off') {
    const message = 'not with forward: tun: connections that are translated are copied, and these are not';
    const hint = 'each director finds the same server by its hash; remove it';
    yield { path: [...path, 'sync'], part: 'value', message, hint };
  }
}
