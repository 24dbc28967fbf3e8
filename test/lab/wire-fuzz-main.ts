/**
 * Runs inside a router's namespace and strikes an agent with mutated packets, as the router itself (it has its address) or
 * as a stranger on the link. One JSON argument, see `Strikes`; at the end one JSON line, see `StrikeCount`.
 *
 * What a neighbor may lawfully end or change an adjacency with is withheld, and counted:
 *
 * - from the neighbor: Hellos that pass the checks (one that does not list us is 1-WayReceived, RFC 2328 10.5; one with
 *   another DR, BDR or priority is an election; one with another router id is another neighbor), descriptions (in Full each
 *   one but the last duplicate is SeqNumberMismatch, 10.6), requests (for what is not there: BadLSReq, 10.7);
 * - from a stranger: Hellos that pass the checks, if it may become DR.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSocket } from 'dgram-ospf';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { Option } from '../../src/core/ospf/codes.ts';
import { decodePacket, encodePacket } from '../../src/core/ospf/packet/codec.ts';
import type { Hello, Packet, PacketBody } from '../../src/core/ospf/packet/packet.ts';
import { everyKind } from '../sim/fuzz.ts';
import { mutate, sweepLengths } from '../sim/mutator.ts';

export interface Strikes {
  readonly interface: string;
  /** Ours to send from. */
  readonly source: string;
  readonly routerId: string;
  /** The neighbor whose place we take, or nobody that the agent knows. */
  readonly as: 'neighbor' | 'stranger';
  /** The agent. */
  readonly to: string;
  readonly agentId: string;
  readonly mask: string;
  readonly helloInterval: number;
  readonly deadInterval: number;
  readonly count: number;
  /** Packets a second. */
  readonly rate: number;
  readonly seed: number;
}

export interface StrikeCount {
  readonly sent: number;
  /** By the kind of packet. */
  readonly withheld: Readonly<Record<string, number>>;
}

/** Packets sent without a pause. */
const BURST = 20;

function corpus(strikes: Strikes): Uint8Array[] {
  const [us, agent] = [ipv4(strikes.routerId), ipv4(strikes.agentId)];
  const hello: Hello = {
    kind: 'hello',
    networkMask: ipv4(strikes.mask),
    helloInterval: strikes.helloInterval,
    options: Option.e,
    priority: 1,
    deadInterval: strikes.deadInterval,
    designatedRouter: ipv4(strikes.source),
    backupDesignatedRouter: 0,
    neighbors: [agent],
  };
  const lsas = everyKind([us, agent, ipv4('10.99.0.77')]);
  const headers = lsas.map(({ header }) => header);
  const dd = { kind: 'dbDescription', interfaceMtu: 1500, options: Option.e | Option.o } as const;
  const bodies: PacketBody[] = [
    hello,
    { ...dd, flags: 7, sequence: 1, headers: [] },
    { ...dd, flags: 1, sequence: 2, headers },
    { kind: 'lsRequest', requests: headers },
    ...lsas.map((lsa): PacketBody => ({ kind: 'lsUpdate', lsas: [lsa], skipped: [] })),
    { kind: 'lsUpdate', lsas, skipped: [] },
    { kind: 'lsAck', headers },
  ];
  return bodies.map((body) => encodePacket({ header: { routerId: us, areaId: 0 }, body }));
}

/** The kind of packet that is withheld; undefined for one that must not matter. */
function lawful(bytes: Uint8Array, strikes: Strikes): string | undefined {
  const packet = decoded(bytes);
  if (packet === undefined || packet.header.areaId !== 0) return undefined;
  const { header, body } = packet;
  if (body.kind === 'hello') {
    const may = passes(body, strikes) && (strikes.as === 'neighbor' || body.priority > 0);
    return may ? 'hello' : undefined;
  }
  if (strikes.as === 'stranger' || header.routerId !== ipv4(strikes.routerId)) return undefined;
  return body.kind === 'dbDescription' || body.kind === 'lsRequest' ? body.kind : undefined;
}

function decoded(bytes: Uint8Array): Packet | undefined {
  try {
    return decodePacket(bytes);
  } catch {
    return undefined;
  }
}

/** RFC 2328 10.5; a HelloInterval of 0 means several Hellos per second and fits any other. */
function passes(hello: Hello, { mask, helloInterval, deadInterval }: Strikes): boolean {
  const fits = hello.helloInterval === helloInterval || hello.helloInterval === 0;
  return hello.networkMask === ipv4(mask) && hello.deadInterval === deadInterval && fits;
}

async function strike(strikes: Strikes): Promise<StrikeCount> {
  const ifindex = Number(readFileSync(`/sys/class/net/${strikes.interface}/ifindex`, 'utf8'));
  const socket = createSocket({ ifindex, source: strikes.source });
  // What does not fit into the buffer is one packet less; the count at the end says so.
  let failed = 0;
  socket.on('error', () => {
    failed++;
  });
  const prng = new Prng(strikes.seed);
  const packets = corpus(strikes);
  const sweep = packets.flatMap(sweepLengths);
  const withheld: Record<string, number> = {};
  let sent = 0;
  for (let n = 0; sent < strikes.count; n++) {
    const lying = n % 2 === 0 ? sweep[n / 2] : undefined;
    const bytes = lying ?? mutate(packets[Math.floor(prng.unit() * packets.length)]!, prng);
    const kind = lawful(bytes, strikes);
    if (kind !== undefined) {
      withheld[kind] = (withheld[kind] ?? 0) + 1;
      continue;
    }
    socket.send(bytes, strikes.to);
    sent++;
    if (sent % BURST === 0) await sleep((BURST * 1000) / strikes.rate);
  }
  socket.close();
  return { sent: sent - failed, withheld };
}

const count = await strike(JSON.parse(process.argv[2] ?? '') as Strikes);
console.log(JSON.stringify(count));
