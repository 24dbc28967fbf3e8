/**
 * Runs connection replication inside a director's namespace, by JSON lines; what it tells is kept until asked for. There is
 * room for a hundred events only, so that a listener that does not listen loses some.
 */
import type { SyncService } from '../../../src/core/model/sync.ts';
import type { Tuple } from '../../../src/core/netlink/conntrack.ts';
import { FLOW_WORDS, Flow, readFlow } from '../../../src/core/netlink/flow.ts';
import { FlowRequests } from '../../../src/core/netlink/flow-requests.ts';
import { type ConnectionRecord, readRecord, readRecords, recordsOf } from '../../../src/core/sync/records/record.ts';
import type { DumpOptions } from '../../../src/drivers/conntrack/replication.ts';
import { NetlinkReplication } from '../../../src/drivers/conntrack/replication-netlink.ts';
import { openCtnetlink } from '../../../src/io/ctnetlink.ts';
import { serve } from '../dataplane/json-lines.ts';
import { errorMatrix } from './error-matrix.ts';
import type { News } from './replication-world.ts';

const SMALL_BUFFER = 65_536;

const replication = new NetlinkReplication((options) =>
  openCtnetlink(options.listener === undefined ? options : { ...options, receiveBytes: SMALL_BUFFER }),
);
let news: News[] = [];

serve({
  async open(request) {
    replication.configure(request['services'] as readonly SyncService[]);
    await replication.open({
      records: (records) => {
        for (const record of readRecords(records)) news.push({ kind: 'record', record });
      },
      lost: () => news.push({ kind: 'lost' }),
      failed: () => news.push({ kind: 'failed' }),
    });
  },
  async configure(request) {
    replication.configure(request['services'] as readonly SyncService[]);
    await replication.apply(new Uint8Array());
  },
  async apply(request) {
    const { taken, refused } = await replication.apply(recordsOf(request['records'] as readonly ConnectionRecord[]));
    return { taken, refused: readRecords(refused) };
  },
  async dump(request) {
    const found: ConnectionRecord[] = [];
    const options = { replicas: undefined, ...(request['options'] as Partial<DumpOptions>) };
    await replication.dump(options, (records) => void found.push(...readRecords(records)));
    return found;
  },
  async get(request) {
    const found = await replication.get(request['direction'] as 'original' | 'reply', request['tuple'] as Tuple);
    return found && readRecord(found, 0);
  },
  counts: async () => replication.counts(),
  async news() {
    const all = news;
    news = [];
    return all;
  },
  /** Somebody else deletes an entry. */
  async forget(request) {
    const requests = new FlowRequests(1);
    const flow = new Uint32Array(FLOW_WORDS);
    const { protocol, source, destination, sport, dport } = request['tuple'] as Tuple;
    flow.set([protocol, source, destination, sport, dport], Flow.protocol);
    requests.begin(1);
    requests.get(flow);
    const socket = openCtnetlink({ slotBytes: 4096, batch: 4, receiveBytes: SMALL_BUFFER });
    socket.send(requests.finish());
    socket.receive();
    const view = new DataView(socket.bytes.buffer, socket.bytes.byteOffset);
    if (!readFlow(view, 0, socket.table[1]!, flow)) throw new Error('nothing to forget');
    requests.begin(2);
    requests.delete(flow, flow[Flow.id]!);
    socket.send(requests.finish());
    socket.close();
  },
  errorMatrix: async () => errorMatrix(openCtnetlink),
  /** Does nothing at all for so many milliseconds. */
  async block(request) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(request['milliseconds']));
  },
});
