/**
 * Runs the IPVS driver inside a guest, by JSON lines over a TCP port of the guest's own. Arguments: the port, and the file in which
 * the driver notes what is its own.
 */
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { ipvsMemory } from '../../../src/agent/memory/ipvs-memory.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { NetlinkConntrack } from '../../../src/drivers/conntrack/netlink.ts';
import { hasIpvs, IpvsDataplane } from '../../../src/drivers/dataplane/ipvs.ts';
import { thisHost } from '../../../src/io/boot.ts';
import { stateFile } from '../../../src/io/state-file.ts';
import { listed } from '../conntrack/connection-of.ts';
import { GuestChance } from './guest-chance.ts';
import { answerLine, type Methods } from './json-lines.ts';

const [port, file] = process.argv.slice(2);
const driver = new IpvsDataplane({ services: ipvsMemory(stateFile(file!), thisHost, { emit: () => undefined }) });
const conntrack = new NetlinkConntrack();
const chance = new GuestChance((service, server) => driver.serverId(service, server));

/** How long it took, in milliseconds, beside the result. */
async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const since = performance.now();
  const result = await work();
  return { result, ms: performance.now() - since };
}

const methods: Methods = {
  open: () => driver.open(),
  has: () => hasIpvs(),
  guard: (request) => driver.guard(request['desired'] as DesiredDataplane),
  present: () => driver.isPresent(),
  apply: (request) => driver.apply(request['desired'] as DesiredDataplane),
  time: (request) => timed(() => driver.apply(request['desired'] as DesiredDataplane)),
  counters: () => driver.counters(),
  remove: () => driver.remove(),
  takeMisses: (request) => driver.takeMisses(Number(request['lifetime'])),
  chance: (request) => chance.configure(request['desired'] as DesiredDataplane, request['dead'] as string[]),
  chances: async () => chance.counts(),
  copies: () => chance.copies(),
  connections: () => listed((on) => conntrack.assured(on)),
  deleteOf: (request) => conntrack.deleteOf(Number(request['serverId'])),
  memory: async () => process.memoryUsage(),
};

createServer((socket) => {
  socket.on('error', () => {});
  createInterface({ input: socket }).on('line', (line) => {
    void answerLine(methods, line).then((answer) => socket.end(answer));
  });
}).listen(Number(port), '127.0.0.1');
