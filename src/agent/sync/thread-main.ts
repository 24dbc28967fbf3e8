/** The sync thread's beginning: puts the real parts together and passes orders and news. */
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import type { SyncOrder } from '../../core/model/sync.ts';
import { NetlinkReplication } from '../../drivers/conntrack/replication-netlink.ts';
import { KernelMisses } from '../../drivers/miss/kernel.ts';
import { openAppendFile } from '../../io/append-file.ts';
import { clockSince, systemClock } from '../../io/clock.ts';
import { openMesh } from '../../io/mesh-transport.ts';
import { yieldToMainThread } from '../../io/priority.ts';
import { rehearse } from './rehearsal.ts';
import { SyncEngine } from './sync-engine.ts';

const port = parentPort;
if (port === null) throw new Error('this is a thread of the agent, not a program');

// A flood of connections delays no Hello.
yieldToMainThread();

const engine = new SyncEngine({
  // Instants cross over.
  clock: clockSince(Number(workerData)),
  epoch: randomBytes(8).toString('hex'),
  openMesh,
  replication: new NetlinkReplication(),
  misses: new KernelMisses(),
  openFile: openAppendFile,
  timeOfDay: Date.now,
  tell: (news) => port.postMessage(news),
});
port.on('message', (order: SyncOrder) => engine.order(order));

// What was rehearsed may not be needed for days: V8 would throw away code that has not run for some collections of garbage.
setFlagsFromString('--no-flush-bytecode');
// Not now: a director that was gone for a moment has a second to be back.
systemClock.after(5000, () => void rehearse(new NetlinkReplication()));
