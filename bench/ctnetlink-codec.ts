/**
 * What a connection costs between the kernel's bytes and a record, and back, beside the codec one would write first: attribute
 * by attribute, an object each. Without a kernel: what that takes for each is in docs/facts/replication.md.
 */
import { ipv4 } from '../src/core/base/ipv4.ts';
import { ConnectionCounts } from '../src/core/dataplane/connection-counts.ts';
import { LITTLE_ENDIAN, NetlinkReader, NetlinkWriter, NLA_F_NESTED } from '../src/core/netlink/attributes.ts';
import type { Tuple } from '../src/core/netlink/conntrack.ts';
import { FLOW_WORDS, readFlow } from '../src/core/netlink/flow.ts';
import { FlowRequests } from '../src/core/netlink/flow-requests.ts';
import { RECORD_BYTES, recordsOf, serviceHash } from '../src/core/sync/records/record.ts';
import { RecordBatch, readRecordFlow, ServiceIndex, toldOfChange } from '../src/drivers/conntrack/flow-record.ts';
import { atMost, atMostRatio, type BenchGoal, type BenchOutcome, type BenchRun, median, race } from './result.ts';

const [CLIENT, VIP, SERVER, LOCAL] = ['10.1.0.2', '203.0.113.10', '10.2.0.21', '10.3.0.1'].map(ipv4) as number[];
const SERVICE = serviceHash('web');
const SERVER_ID = 7;
const PEER = 'by attribute';
/** As many as one call of `send` takes. */
const CHUNK = 128;

const RECORD = recordsOf([
  {
    client: CLIENT!,
    vip: VIP!,
    clientPort: 40_001,
    vipPort: 80,
    protocol: 6,
    op: 1,
    state: 3,
    flags: 3,
    server: SERVER!,
    local: LOCAL!,
    serverPort: 80,
    localPort: 2048,
    service: SERVICE,
    owner: 1,
    epoch: 1,
    timeout: 432_000,
    windowScale: 0x77,
    birth: 0,
  },
]);

const nested = (w: NetlinkWriter, type: number, write: () => void) => w.attribute(type | NLA_F_NESTED, write);
const word = (w: NetlinkWriter, type: number, value: number) => w.attribute(type, () => w.be32(value));
const half = (w: NetlinkWriter, type: number, value: number) =>
  w.attribute(type, () => w.u8(value >>> 8).u8(value & 0xff));

function writeTuple(w: NetlinkWriter, type: number, { protocol, source, destination, sport, dport }: Tuple): void {
  nested(w, type, () => {
    nested(w, 1, () => {
      word(w, 1, source);
      word(w, 2, destination);
    });
    nested(w, 2, () => {
      w.attribute(1, () => w.u8(protocol));
      half(w, 2, sport);
      half(w, 3, dport);
    });
  });
}

function writeState(w: NetlinkWriter): void {
  nested(w, 4, () =>
    nested(w, 1, () => {
      w.attribute(1, () => w.u8(3));
      w.attribute(4, () => w.u8(9).u8(0xff));
      w.attribute(5, () => w.u8(9).u8(0xff));
      w.attribute(2, () => w.u8(7));
      w.attribute(3, () => w.u8(7));
    }),
  );
}

const ORIGINAL: Tuple = { protocol: 6, source: CLIENT!, destination: VIP!, sport: 40_001, dport: 80 };
const REPLY: Tuple = { protocol: 6, source: SERVER!, destination: LOCAL!, sport: 80, dport: 2048 };

/** An event as the kernel makes it. */
function event(): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(0x100).u16(0).u32(0).u32(0).u8(2).u8(0).u16(0);
  writeTuple(w, 1, ORIGINAL);
  writeTuple(w, 2, REPLY);
  word(w, 12, 0xfd5cb7e5);
  word(w, 3, 0x1be);
  word(w, 7, 432_000);
  nested(w, 4, () =>
    nested(w, 1, () => {
      for (const [type, value] of [3, 7, 7].entries()) w.attribute(type + 1, () => w.u8(value));
      for (const type of [4, 5]) w.attribute(type, () => w.u8(0x23).u8(0));
    }),
  );
  word(w, 8, SERVER_ID);
  return w.endMessage(0).finish();
}

/** As an object, by a map of attributes for each nest. */
function parseByAttribute(message: Uint8Array) {
  const attributes = new NetlinkReader(message.subarray(16)).attributes(4);
  const swap = (value: number) => (LITTLE_ENDIAN ? ((value & 0xff) << 8) | (value >>> 8) : value);
  const tuple = (type: number): Tuple => {
    const parts = attributes.get(type)!.attributes(0);
    const [ip, proto] = [parts.get(1)!.attributes(0), parts.get(2)!.attributes(0)];
    return {
      protocol: proto.get(1)!.u8(0),
      source: ip.get(1)!.ipv4(0),
      destination: ip.get(2)!.ipv4(0),
      sport: swap(proto.get(2)!.u16(0)),
      dport: swap(proto.get(3)!.u16(0)),
    };
  };
  return {
    original: tuple(1),
    reply: tuple(2),
    status: attributes.get(3)!.ipv4(0),
    mark: attributes.get(8)!.ipv4(0),
    state: attributes.get(4)!.attributes(0).get(1)!.attributes(0).get(1)!.u8(0),
  };
}

/** What `FlowRequests.create` writes. */
function createByAttribute(sequence: number): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(0x100).u16(0x601).u32(sequence).u32(0).u8(2).u8(0).u16(0);
  writeTuple(w, 1, ORIGINAL);
  writeTuple(w, 2, { protocol: 6, source: VIP!, destination: CLIENT!, sport: 80, dport: 40_001 });
  word(w, 3, 0xe);
  word(w, 7, 432_000);
  word(w, 8, 0x80000007);
  writeState(w);
  for (const [type, address, port] of [
    [13, SERVER!, 80],
    [6, LOCAL!, 2048],
  ] as const) {
    nested(w, type, () => {
      word(w, 1, address);
      word(w, 2, address);
      nested(w, 3, () => {
        half(w, 1, port);
        half(w, 2, port);
      });
    });
  }
  return w.endMessage(0).finish();
}

interface Pair {
  readonly name: string;
  readonly ours: () => number;
  readonly peer?: () => number;
  readonly limit: number;
}

function pairs(): readonly Pair[] {
  const message = event();
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flow = new Uint32Array(FLOW_WORDS);
  const services = new ServiceIndex([
    {
      name: 'web',
      service: SERVICE,
      digest: '',
      vips: [VIP!],
      ports: [80],
      protocol: 'tcp',
      fullnat: true,
      sync: 'established',
      serverIds: [[SERVER!, SERVER_ID]],
      establishedTimeout: 432_000,
      persistence: undefined,
    },
  ]);
  const batch = new RecordBatch(1);
  const requests = new FlowRequests(CHUNK);
  const counts = new ConnectionCounts();
  const create = () => {
    if (requests.count === CHUNK) requests.begin(1);
    readRecordFlow(RECORD, 0, flow);
    flow[11] = 0x80000000 | services.idOf(SERVICE, SERVER!);
    return requests.create(flow);
  };
  requests.begin(1);
  create();
  const [ours, theirs] = [Buffer.from(requests.finish()), Buffer.from(createByAttribute(1))];
  ours[6] = theirs[6]!;
  if (!ours.equals(theirs)) throw new Error('the two codecs do not do the same work');
  return [
    {
      name: 'an event, read (240 B)',
      ours: () => (readFlow(view, 0, message.length, flow) ? flow[3]! : 0),
      peer: () => parseByAttribute(message).original.sport,
      limit: 0.2,
    },
    {
      name: 'an event to a record (48 B)',
      ours: () => {
        readFlow(view, 0, message.length, flow);
        const marked = services.ofMark(flow[11]!)!;
        batch.add(flow, toldOfChange(flow, marked.scope)!, marked.service);
        return batch.take().length / RECORD_BYTES;
      },
      limit: 1000,
    },
    {
      name: 'a record to a request (FullNAT, 276 B)',
      ours: create,
      peer: () => createByAttribute(1).length,
      limit: 0.2,
    },
    {
      name: 'an event, counted',
      ours: () => {
        readFlow(view, 0, message.length, flow);
        counts.changed(flow);
        return counts.tracked;
      },
      limit: 1500,
    },
  ];
}

export const run: BenchRun = async ({ quick }): Promise<BenchOutcome> => {
  const goals: BenchGoal[] = [];
  const samples: Record<string, readonly number[]> = {};
  for (const { name, ours, peer, limit } of pairs()) {
    const times = race({ ours, peer: peer ?? ours }, { rounds: quick ? 5 : 25, batch: quick ? 5000 : 50_000 });
    samples[name] = times.ours;
    const value = median(times.ours);
    goals.push(
      peer === undefined
        ? atMost(name, value, 'ns', limit)
        : atMostRatio(name, value, 'ns', limit, { name: PEER, value: median(times.peer) }),
    );
  }
  return { goals, samples };
};
