import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import { PacketType } from '../../../../src/core/ospf/codes.ts';
import type { OspfEffect, OspfInput } from '../../../../src/core/ospf/events.ts';
import { OspfInstance } from '../../../../src/core/ospf/instance.ts';
import { buildLsa, lsaKeyText } from '../../../../src/core/ospf/lsa/codec.ts';
import { decodePacket, encodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import { instanceConfig, interfaceConfig } from '../../../sim/network.ts';
import { type Link, parseVectors, type Vector } from '../../../vectors/ospf/captured.ts';
import { fieldsOf } from '../../../vectors/ospf/fields.ts';
import { toHex } from '../../../vectors/ospf/handmade.ts';

const FOLDER = join(import.meta.dirname, '../../../vectors/ospf');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

/** The length that the packet's header states; what lies beyond it (an LLS block, RFC 5613) is not the packet. */
function statedLength({ bytes }: Vector): number {
  return (bytes[2]! << 8) | bytes[3]!;
}

function lsasOf(vector: Vector) {
  const { body } = decodePacket(vector.bytes);
  return body.kind === 'lsUpdate' ? body.lsas : [];
}

test('there are vectors of two implementations', () => {
  expect(FILES.map((name) => name.split('-')[0])).toEqual(['bird', 'frr']);
});

describe.each(FILES)('%s', (name) => {
  const vectors = parseVectors(readFileSync(join(FOLDER, name), 'utf8'));
  const titled = vectors.map((vector) => [`${vector.link} ${vector.at}: ${vector.title}`, vector] as const);

  test('every packet type and the LSA types 1, 2, 3 and 5 are there, on both kinds of link', () => {
    const types = new Set(vectors.map(({ bytes }) => bytes[1]));
    expect([...types].toSorted()).toEqual(Object.values(PacketType));
    expect([...new Set(vectors.map(({ link }) => link))]).toEqual(['p2p', 'lan']);
    const lsaTypes = new Set(vectors.flatMap(lsasOf).map(({ header }) => header.type));
    expect([...lsaTypes].toSorted()).toEqual([1, 2, 3, 5]);
  });

  test.each(titled)('%s: decodes to what tshark reads, nothing skipped', (_, { bytes, fields }) => {
    const packet = decodePacket(bytes);
    expect(fieldsOf(packet)).toEqual(fields);
    if (packet.body.kind === 'lsUpdate') expect(packet.body.skipped).toEqual([]);
  });

  test.each(titled)('%s: encodes to the same bytes', (_, vector) => {
    const { bytes } = vector;
    expect(toHex(encodePacket(decodePacket(bytes)))).toBe(toHex(bytes.subarray(0, statedLength(vector))));
  });

  test('nothing follows a packet: neither implementation sends an LLS block', () => {
    expect(vectors.filter((vector) => vector.bytes.length !== statedLength(vector))).toEqual([]);
  });

  test('our own building of every LSA gives its bytes, checksum included', () => {
    for (const { header, body, bytes } of vectors.flatMap(lsasOf)) {
      // Of opaque LSAs the content is not interpreted, so there is nothing to build it from.
      if (body.kind === 'opaque') continue;
      expect(toHex(buildLsa(header, body).bytes), lsaKeyText(header)).toBe(toHex(bytes));
    }
  });

  describe.each(['p2p', 'lan'] as const)('the recorded exchange on %s, replayed', (link) => {
    const exchange = vectors.filter((vector) => vector.link === link && vector.replay);

    test('brings an instance to Full with every router, dropping nothing', () => {
      const { instance, effects, now } = replay(exchange, link);
      expect(effects.filter(({ kind }) => kind === 'dropped')).toEqual([]);
      const routers = new Set(exchange.map(({ bytes }) => decodePacket(bytes).header.routerId));
      const states = instance.neighbors(now).map(({ routerId, state }) => [routerId, state]);
      expect(states.toSorted()).toEqual([...routers].map((router) => [router, 'full']).toSorted());
    });

    test('makes the instance ask for every LSA that the database descriptions name, and for no other', () => {
      const { effects } = replay(exchange, link);
      const sent = effects.flatMap((effect) => (effect.kind === 'send' ? [decodePacket(effect.bytes).body] : []));
      const asked = sent.flatMap((body) => (body.kind === 'lsRequest' ? body.requests.map(lsaKeyText) : []));
      const heard = exchange.map(({ bytes }) => decodePacket(bytes).body);
      const named = heard.flatMap((body) => (body.kind === 'dbDescription' ? body.headers.map(lsaKeyText) : []));
      expect([...new Set(asked)].toSorted()).toEqual([...new Set(named)].toSorted());
    });

    test('ends with the default route by the routers that announced it', () => {
      const { instance } = replay(exchange, link);
      const route = instance.routes().find(({ prefix }) => prefix.length === 0);
      const gateways = new Set(exchange.map(({ source }) => source));
      expect(route?.pathType).toBe('external2');
      expect(new Set(route?.nextHops.map(({ gateway }) => gateway))).toEqual(gateways);
    });

    test('leaves the instance with the LSAs of the recorded updates', () => {
      const { instance, now } = replay(exchange, link);
      const held = new Set(instance.lsdb(now).map(instanceText));
      const newest = new Map(exchange.flatMap(lsasOf).map(({ header }) => [lsaKeyText(header), header]));
      for (const header of newest.values()) expect(held).toContain(instanceText(header));
    });
  });
});

type Instance = Parameters<typeof lsaKeyText>[0] & { readonly sequence: number };

function instanceText(lsa: Instance): string {
  return `${lsaKeyText(lsa)} ${(lsa.sequence >>> 0).toString(16)}`;
}

/** The director of the recordings: router id, addresses and intervals are those of `lab/topologies/interop`. */
const OURS = {
  p2p: { address: ipv4('10.1.1.2'), prefixLength: 30, network: 'point-to-point', priority: 1 },
  lan: { address: ipv4('10.1.0.11'), prefixLength: 24, network: 'broadcast', priority: 0 },
} as const;

/**
 * Feeds the packets at their recorded times. The routers' ids are above ours, so that they are masters and the sequence
 * numbers of the database descriptions are theirs.
 */
function replay(exchange: readonly Vector[], link: Link) {
  const { address, prefixLength, network, priority } = OURS[link];
  const timers = { helloInterval: 1000, deadInterval: 4000, network, priority } as const;
  let now = exchange[0]!.at - 5;
  const instance = new OspfInstance(instanceConfig('10.255.0.1', [interfaceConfig('eth1', timers)]), now);
  const effects: OspfEffect[] = [];
  const feed = (input: OspfInput, at: number) => {
    for (; (instance.deadline ?? at) < at; effects.push(...instance.handle({ kind: 'timer' }, now))) {
      now = Math.max(now, instance.deadline!);
    }
    now = at;
    effects.push(...instance.handle(input, now));
  };
  feed({ kind: 'interfaceUp', name: 'eth1', address, prefixLength, mtu: 1500, ifindex: 2 }, now);
  for (const { at, source, destination, bytes } of exchange) {
    feed({ kind: 'packet', interface: 'eth1', source, destination, bytes }, at);
  }
  return { instance, effects, now };
}
