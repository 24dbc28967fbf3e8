import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { walkAnswers } from '../../../src/core/netlink/answers.ts';
import { NetlinkReader } from '../../../src/core/netlink/attributes.ts';
import type { Connection, Tuple } from '../../../src/core/netlink/conntrack.ts';
import { FLOW_WORDS, Flow, NO_STATE, NO_WINDOW_SCALE, readFlow } from '../../../src/core/netlink/flow.ts';
import { FlowRequests } from '../../../src/core/netlink/flow-requests.ts';
import { DESTROYED, ESTABLISHED, NEW } from './ctnetlink-vectors.ts';

const [CLIENT, VIP, LOCAL] = ['127.0.0.1', '127.0.0.9', '127.0.0.7'].map(ipv4) as [number, number, number];

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A message with a header of zeros, as the words of a connection; undefined when it is none. */
function words(payload: Uint8Array): Uint32Array | undefined {
  const message = new Uint8Array(16 + payload.length);
  message.set(payload, 16);
  const flow = new Uint32Array(FLOW_WORDS);
  return readFlow(viewOf(message), 0, message.length, flow) ? flow : undefined;
}

/** The same by all attributes, one by one; undefined when it is none. @throws DecodeError */
function decodeConnection(payload: Uint8Array): Connection | undefined {
  const attributes = new NetlinkReader(payload).attributes(4);
  const port = (value: NetlinkReader | undefined) => (value!.u8(0) << 8) | value!.u8(1);
  const tuple = (type: number): Tuple => {
    const [addresses, ports] = [1, 2].map((part) => attributes.get(type)!.attributes(0).get(part)!.attributes(0));
    return {
      protocol: ports!.get(1)!.u8(0),
      source: addresses!.get(1)!.ipv4(0),
      destination: addresses!.get(2)!.ipv4(0),
      sport: port(ports!.get(2)),
      dport: port(ports!.get(3)),
    };
  };
  return {
    original: tuple(1),
    reply: tuple(2),
    status: attributes.get(3)?.ipv4(0) ?? 0,
    mark: attributes.get(8)?.ipv4(0) ?? 0,
    id: attributes.get(12)?.ipv4(0) ?? 0,
    tcpState: attributes.get(4)?.attributes(0).get(1)?.attributes(0).get(1)?.u8(0),
  };
}

function flowOf(values: Partial<Record<keyof typeof Flow, number>>): Uint32Array {
  const flow = new Uint32Array(FLOW_WORDS);
  for (const [name, value] of Object.entries(values)) flow[Flow[name as keyof typeof Flow]] = value;
  return flow;
}

const TRANSLATED = {
  protocol: 6,
  source: CLIENT,
  destination: VIP,
  sport: 40_001,
  dport: 9999,
  replySource: ipv4('127.0.0.2'),
  replyDestination: LOCAL,
  replySport: 8080,
  replyDport: 2048,
  status: 0xffffffff,
  timeout: 432_000,
  mark: 0x80000007,
  state: 3,
  windowScale: 0xa7,
} as const;

/** Behind `struct nfgenmsg`, which comes first. */
const BOTH_TUPLES = 4 + 2 * 52;

describe('an event, at its fixed places', () => {
  test('is what a 6.18 kernel told', () => {
    const tuples = {
      protocol: 6,
      source: CLIENT,
      destination: VIP,
      sport: 40_001,
      dport: 9999,
      replySource: CLIENT,
      replyDestination: LOCAL,
      replySport: 9999,
      replyDport: 2048,
      mark: 0x40000002,
      id: 0xfd5cb7e5,
    };
    expect(words(NEW)).toEqual(flowOf({ ...tuples, status: 0x1b8, timeout: 120, state: 1, windowScale: 0xa0 }));
    expect(words(ESTABLISHED)).toEqual(
      flowOf({ ...tuples, status: 0x1be, timeout: 432_000, state: 3, windowScale: 0xaa }),
    );
    expect(words(DESTROYED)).toEqual(
      flowOf({ ...tuples, status: 0x3be, timeout: 431_999, state: 3, windowScale: NO_WINDOW_SCALE }),
    );
  });

  test('is read as attribute by attribute, or not at all, whatever is spoilt in its tuples', () => {
    const broken = fc.tuple(fc.nat(ESTABLISHED.length), fc.nat(BOTH_TUPLES - 1), fc.nat(255));
    fc.assert(
      fc.property(broken, ([length, at, value]) => {
        const payload = ESTABLISHED.slice(0, length);
        if (at < payload.length) payload[at] = value;
        const flow = words(payload);
        if (flow === undefined) return;
        const { original, reply, mark, status, id, tcpState } = decodeConnection(payload)!;
        const seen = flowOf({
          ...original,
          replySource: reply.source,
          replyDestination: reply.destination,
          replySport: reply.sport,
          replyDport: reply.dport,
          mark,
          status,
          id,
          timeout: flow[Flow.timeout]!,
          windowScale: flow[Flow.windowScale]!,
          state: flow[Flow.state] === NO_STATE ? NO_STATE : tcpState!,
        });
        expect(flow).toEqual(seen);
      }),
      { numRuns: 500 },
    );
  });

  test('is never read beyond its end', () => {
    const broken = fc.tuple(fc.nat(ESTABLISHED.length), fc.nat(ESTABLISHED.length - 1), fc.nat(255));
    fc.assert(
      fc.property(broken, ([length, at, value]) => {
        const payload = ESTABLISHED.slice(0, length);
        if (at < payload.length) payload[at] = value;
        expect(() => words(payload)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

describe('requests from templates', () => {
  function messagesOf(write: (requests: FlowRequests) => void): NetlinkReader[] {
    const requests = new FlowRequests(16);
    requests.begin(100);
    write(requests);
    const all = new NetlinkReader(requests.finish());
    const messages: NetlinkReader[] = [];
    for (let at = 0; at < all.length; at += all.u32(at)) messages.push(all.slice(at, all.u32(at)));
    return messages;
  }
  const attributesOf = (message: NetlinkReader) => message.attributes(20);
  const hex = (reader: NetlinkReader | undefined) => reader && Buffer.from(reader.bytes()).toString('hex');

  test('a new entry has the inverse tuple, the translations, and nothing of the status that is not to be given', () => {
    const [message] = messagesOf((requests) => requests.create(flowOf(TRANSLATED)));
    expect([message!.u16(4), message!.u16(6), message!.u32(8)]).toEqual([0x100, 0x605, 100]);
    const payload = message!.bytes().subarray(16);
    expect(decodeConnection(payload)).toEqual({
      original: { protocol: 6, source: CLIENT, destination: VIP, sport: 40_001, dport: 9999 },
      reply: { protocol: 6, source: VIP, destination: CLIENT, sport: 9999, dport: 40_001 },
      mark: 0x80000007,
      status: 0xe,
      id: 0,
      tcpState: 3,
    });
    const attributes = attributesOf(message!);
    expect(attributes.get(7)?.ipv4(0)).toBe(432_000);
    expect(hex(attributes.get(13))).toBe(
      '080001007f000002080002007f000002140003800600010' + '01f900000060002001f900000',
    );
    expect(hex(attributes.get(6))).toBe(
      '080001007f000007080002007f000007140003800600010008000000' + '0600020008000000',
    );
    const tcp = attributes.get(4)?.attributes(0).get(1)?.attributes(0);
    expect([2, 3, 4, 5].map((type) => hex(tcp?.get(type)))).toEqual(['0a', '07', '09ff', '09ff']);
  });

  test('what is not translated, or not known, is left out', () => {
    const plain = { ...TRANSLATED, replyDestination: CLIENT, replyDport: 40_001, windowScale: NO_WINDOW_SCALE };
    const [nat, udp] = messagesOf((requests) => {
      requests.create(flowOf(plain));
      requests.create(flowOf({ ...plain, protocol: 17, state: NO_STATE }));
    }).map(attributesOf);
    expect([nat!.has(13), nat!.has(6)]).toEqual([true, false]);
    const tcp = nat!.get(4)?.attributes(0).get(1)?.attributes(0);
    expect([...tcp!.keys()].sort()).toEqual([1, 4, 5]);
    expect(hex(tcp!.get(4))).toBe('08ff');
    expect(udp!.has(4)).toBe(false);
  });

  test('changes name the entry by its original tuple, and carry no translation', () => {
    const flow = flowOf(TRANSLATED);
    const [update, refresh, remark, deletion, get, reply] = messagesOf((requests) => {
      requests.update(flow);
      requests.refresh(flow);
      requests.remark(flow, 0x80000000, 0xc0000000);
      requests.delete(flow, 77);
      requests.get(flow);
      requests.getByReply(flow);
    });
    const typesOf = (message: NetlinkReader | undefined) => [...attributesOf(message!).keys()].sort((a, b) => a - b);
    expect([update, refresh, remark, deletion, get, reply].map(typesOf)).toEqual([
      [1, 3, 4, 7],
      [1, 7],
      [1, 8, 21],
      [1, 12],
      [1],
      [2],
    ]);
    expect([update, refresh, remark, deletion, get].map((message) => message!.u16(6))).toEqual([1, 1, 1, 1, 1]);
    expect([deletion!.u16(4), get!.u16(4)]).toEqual([0x102, 0x101]);
    expect([8, 21].map((type) => attributesOf(remark!).get(type)?.ipv4(0))).toEqual([0x80000000, 0xc0000000]);
    const originals = [update, refresh, remark, deletion, get].map((message) => hex(attributesOf(message!).get(1)));
    expect(new Set(originals).size).toBe(1);
    expect(hex(attributesOf(reply!).get(2))).toBe(
      '14000180080001007f000002080002007f0000071c000280050001000600000006000200' + '1f9000000600030008000000',
    );
  });

  test('are numbered in turn, and only the last is acknowledged', () => {
    const messages = messagesOf((requests) => {
      for (let i = 0; i < 3; i++) requests.refresh(flowOf(TRANSLATED));
    });
    expect(messages.map((message) => [message.u32(8), message.u16(6)])).toEqual([
      [100, 1],
      [101, 1],
      [102, 5],
    ]);
    const one = new FlowRequests(1);
    one.begin(1);
    one.refresh(flowOf(TRANSLATED));
    expect(() => one.refresh(flowOf(TRANSLATED))).toThrow(RangeError);
  });
});

describe('answers', () => {
  const answer = (type: number, sequence: number, errno: number) => {
    const bytes = new Uint8Array(20);
    const view = viewOf(bytes);
    view.setUint32(0, 20, true);
    view.setUint16(4, type, true);
    view.setUint32(8, sequence, true);
    view.setInt32(16, -errno, true);
    return bytes;
  };
  const walked = (bytes: Uint8Array, count: number) => {
    const found: unknown[] = [];
    const whole = walkAnswers(viewOf(bytes), 0, bytes.length, 0xfffffffe, count, {
      message: (index, type, at, end) => found.push([index, type, at, end]),
      settled: (index, errno) => found.push([index, errno]),
    });
    return { found, whole };
  };

  test('say which request they are about, also when the numbers begin anew', () => {
    const bytes = Uint8Array.from([...answer(2, 0xfffffffe, 17), ...answer(0x100, 0, 0), ...answer(2, 1, 0)]);
    expect(walked(bytes, 4)).toEqual({
      found: [
        [0, 17],
        [2, 0x100, 20, 40],
        [3, 0],
      ],
      whole: true,
    });
    expect(walked(bytes, 1)).toEqual({ found: [[0, 17]], whole: true });
  });

  test('of any bytes are some, or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        walked(bytes, 10);
      }),
    );
  });
});
