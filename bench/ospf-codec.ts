/**
 * How long the OSPF codec takes for what arrives all the time (Hellos) and what arrives in bursts (updates), beside the
 * codec one would write first (`naive-ospf.ts`); and what authentication adds.
 */
import { createHmac, createSecretKey } from 'node:crypto';
import { ipv4 } from '../src/core/base/ipv4.ts';
import { Secret } from '../src/core/base/secret.ts';
import type { KeysInForce } from '../src/core/model/keys.ts';
import { newAuthenticator } from '../src/core/ospf/authentication/interface.ts';
import { INITIAL_SEQUENCE, LsType, Option, RouterLinkType } from '../src/core/ospf/codes.ts';
import { buildLsa } from '../src/core/ospf/lsa/codec.ts';
import type { Lsa } from '../src/core/ospf/lsa/lsa.ts';
import { decodePacket, encodePacket } from '../src/core/ospf/packet/codec.ts';
import type { Packet } from '../src/core/ospf/packet/packet.ts';
import { digester } from '../src/io/digester.ts';
import { naiveDecodeHello, naiveDecodeUpdate, naiveEncodeHello, naiveEncodeUpdate } from './naive-ospf.ts';
import { atMostRatio, type BenchGoal, type BenchOutcome, type BenchRun, median, race } from './result.ts';

const PEER = 'naive';

/** A hello for a LAN with three neighbors, as a director sends and hears it every second. */
const HELLO: Packet = {
  header: { routerId: ipv4('10.255.0.1'), areaId: 0 },
  body: {
    kind: 'hello',
    networkMask: ipv4('255.255.255.0'),
    helloInterval: 1,
    options: Option.e,
    priority: 0,
    deadInterval: 4,
    designatedRouter: ipv4('10.2.0.1'),
    backupDesignatedRouter: ipv4('10.2.0.2'),
    neighbors: [ipv4('10.255.0.101'), ipv4('10.255.0.102'), ipv4('10.255.0.2')],
  },
};

/** A router-LSA of a director with two uplinks and four VIPs: 8 links, 120 bytes. */
function directorLsa(number: number): Lsa {
  const id = ipv4('10.255.0.1') + number;
  const header = { type: LsType.router, id, advertisingRouter: id, age: 1, options: 2, sequence: INITIAL_SEQUENCE };
  const uplinks = [0, 1].flatMap((n) => [
    { type: RouterLinkType.pointToPoint, id: ipv4('10.255.0.101') + n, data: ipv4('10.1.0.1') + 4 * n, metric: 0xffff },
    { type: RouterLinkType.stub, id: ipv4('10.1.0.0') + 4 * n, data: ipv4('255.255.255.252'), metric: 10 },
  ]);
  const vips = [10, 11, 12, 13].map((n) => ({
    type: RouterLinkType.stub,
    id: ipv4('203.0.113.0') + n,
    data: ipv4('255.255.255.255'),
    metric: 10,
  }));
  return buildLsa(header, { kind: 'router', flags: 0x80, links: [...uplinks, ...vips] });
}

const UPDATE: Packet = {
  header: { routerId: ipv4('10.255.0.101'), areaId: 0 },
  body: { kind: 'lsUpdate', lsas: Array.from({ length: 10 }, (_, n) => directorLsa(n)), skipped: [] },
};

interface Pair {
  readonly name: string;
  readonly batch: number;
  readonly ours: () => number;
  readonly naive: () => number;
  /** Whom `naive` stands for, if not the codec one would write first, and the ratio that is the goal. */
  readonly peer?: string;
  readonly limit?: number;
}

function pairs(): readonly Pair[] {
  const hello = Buffer.from(encodePacket(HELLO));
  const update = Buffer.from(encodePacket(UPDATE));
  const naiveHello = naiveDecodeHello(hello);
  const naiveLsas = naiveDecodeUpdate(update).map(({ bytes }) => bytes);
  const { routerId } = UPDATE.header;
  if (!naiveEncodeHello(naiveHello).equals(hello) || !naiveEncodeUpdate(routerId, naiveLsas).equals(update)) {
    throw new Error('the two codecs do not do the same work');
  }
  return [
    {
      name: 'decode Hello, 3 neighbors (56 B)',
      batch: 20_000,
      ours: () => decodePacket(hello).header.routerId,
      naive: () => naiveDecodeHello(hello).routerId,
    },
    {
      name: 'encode Hello, 3 neighbors (56 B)',
      batch: 20_000,
      ours: () => encodePacket(HELLO)[12]!,
      naive: () => naiveEncodeHello(naiveHello)[12]!,
    },
    {
      name: 'decode LS Update of 10 router-LSAs, 8 links each (1,228 B)',
      batch: 1_000,
      ours: () => decodePacket(update).header.routerId,
      naive: () => naiveDecodeUpdate(update).length,
    },
    {
      name: 'encode LS Update of 10 router-LSAs (1,228 B)',
      batch: 5_000,
      ours: () => encodePacket(UPDATE)[12]!,
      naive: () => naiveEncodeUpdate(routerId, naiveLsas)[12]!,
    },
  ];
}

/** What HMAC-SHA-256 adds to a Hello, out and in, beside the HMAC alone on as many bytes. */
function authentication(): Pair {
  const secret = new Secret(new TextEncoder().encode('a key of twenty-nine letters.'));
  const key = { id: 1, algorithm: 'hmac-sha-256' as const, secret };
  const keys: KeysInForce = { send: key, accept: [key], standing: 'valid' };
  const settings = { algorithm: key.algorithm, migrate: false };
  let sequence = 0;
  const authenticator = newAuthenticator({ settings, keys, digester, nextSequence: () => ++sequence });
  const seal = authenticator.seal!;
  const plain = encodePacket(HELLO);
  const name = createSecretKey(secret.reveal());
  const hmac = () => createHmac('sha256', name).update(plain).update(APAD).digest()[0]!;
  return {
    name: 'Hello under HMAC-SHA-256: encode, seal, verify, decode (56 + 32 B)',
    batch: 2_000,
    ours: () => decodePacket(encodePacket(HELLO, seal), authenticator).header.routerId,
    naive: () => hmac() + hmac(),
    peer: 'the two HMACs alone',
    limit: 2,
  };
}

const APAD = new Uint8Array(32);

export const run: BenchRun = async ({ quick, progress }): Promise<BenchOutcome> => {
  const goals: BenchGoal[] = [];
  const samples: Record<string, readonly number[]> = {};
  for (const { name, batch, ours, naive, peer = PEER, limit = 1 } of [...pairs(), authentication()]) {
    progress(name);
    const times = race({ ours, naive }, { rounds: quick ? 5 : 25, batch });
    goals.push(atMostRatio(name, median(times.ours), 'ns', limit, { name: peer, value: median(times.naive) }));
    samples[`${name}, ours`] = times.ours;
    samples[`${name}, ${peer}`] = times.naive;
  }
  return { goals, samples };
};
