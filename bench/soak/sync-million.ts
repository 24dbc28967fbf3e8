/**
 * A million connections of FullNAT on IPVS in one guest, copied by connection sync to a second one that joins: is everything there,
 * how long does it take, how much memory of agent and kernel is one connection on each side, and do the routers keep both.
 *
 * They are written into the kernel while no agent is there; the agent that comes then finds them as it would after a restart.
 *
 * Guests have a kernel of their own, hence a limit of entries of their own. They are emulated: times say that it ends, not how
 * quick it is; `npm run bench -- sync-many` has those of this machine. Needs root, and some 6 GiB.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../lab/project.ts';
import { type Claim, claimAtMost, claimEqual, told } from '../../lab/report/result.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { untilAnnounced } from '../../lab/scenarios/observe.ts';
import { FULLNAT_ON_IPVS, replacing } from '../../lab/takeover/stand.ts';
import type { EventDocument, StatusDocument } from '../../src/api/documents.ts';
import { CtLoad, type Loaded } from '../sync/ct-load.ts';
import { watchHellos } from '../sync/hellos.ts';
import type { SoakRun } from './soak.ts';

const COUNT = 1_000_000;
const QUICK = 50_000;
/** MiB of each guest. */
const MEMORY = 3072;
const OWNER = 'd1';
const JOINER = 'd2';
const BOTH = [OWNER, JOINER] as const;
const WITHIN = 900_000;
/** So often it is told how far it is. */
const PARTS = 10;
/** Routers lose a director whose Hellos stay away for so long. */
const DEAD_INTERVAL = 20_000;

const VIP = '203.0.113.10';
const SERVER = '10.20.0.21';
/** What servers see as clients: this and those behind it. */
const LOCAL = '10.66.0.0';

/** Interpreted, as agents in guests usually are, it would take a multiple. */
const COMPILED = { nodeOptions: ['--no-jitless'] };

export const run: SoakRun = async ({ quick, progress }) => {
  const count = quick ? QUICK : COUNT;
  const generator = await CtLoad.build();
  const lab = await up('fullnat-4', { directors: [], runtime: 'qemu', memory: MEMORY, progress });
  try {
    return await copied(lab, generator, count, progress);
  } finally {
    await lab.down();
    await generator.remove();
  }
};

async function copied(lab: Lab, generator: CtLoad, count: number, progress: (line: string) => void) {
  await prepare(lab, count);
  await start(lab, OWNER);
  const empty = await reading(lab, OWNER);
  progress(`${count} connections into the kernel of ${OWNER}`);
  const made = await fill(lab, generator, count);
  progress(`made in ${seconds(made)} s; its agent starts again and reads them`);
  const began = performance.now();
  await start(lab, OWNER);
  await untilKnown(lab, OWNER, count, progress);
  const read = performance.now() - began;
  const full = await reading(lab, OWNER);

  progress(`known after ${seconds(read)} s; ${JOINER} joins`);
  // Its kernel's part of the memory, before there is anything to copy.
  const [fresh] = await Promise.all([kernelBytes(lab, JOINER), lab.api(OWNER).post('/v1/event-loop/restart')]);
  const hellos = await watchHellos(lab, 'r1', 'eth2', '10.1.1.2');
  const { known, equal, written } = await joining(lab, count, progress);
  const [there, gap] = [await present(lab, generator, count), await hellos.longestGap()];
  const after = await reading(lab, JOINER);
  const events = await lab.api(JOINER).get('/v1/events');
  const status = await Promise.all(BOTH.map((name) => lab.api(name).get('/v1/status')));
  const sync = await Promise.all(BOTH.map((name) => lab.api(name).get('/v1/sync')));
  const claims: Claim[] = [
    told('connections', count),
    told(`written into the kernel of ${OWNER} within`, seconds(made), 's'),
    told(`known to its agent, after its start`, seconds(read), 's'),
    claimEqual(`not in the kernel of ${JOINER}`, count - there, 0),
    claimEqual(`not in the table of ${JOINER}`, count - after.total, 0),
    ...streamClaims(events),
    told(`${JOINER} knows all, after its start`, seconds(known), 's'),
    told(`digests of both are equal, after its start`, seconds(equal), 's'),
    told(`all are in its kernel, after its start`, seconds(written), 's'),
    ...memoryClaims(OWNER, empty, full, count),
    ...memoryClaims(JOINER, { ...empty, kernel: fresh }, after, count),
    claimAtMost(`longest time between two Hellos of ${OWNER} while it copies`, Math.round(gap), DEAD_INTERVAL, 'ms'),
    ...loopClaims(status),
  ];
  return { claims, samples: { empty, full, after, fresh, sync, events } };
}

/** Milliseconds from the joiner's start on. */
interface Joined {
  /** Its table has all. */
  readonly known: number;
  readonly equal: number;
  readonly written: number;
}

async function joining(lab: Lab, count: number, progress: (line: string) => void): Promise<Joined> {
  const began = performance.now();
  const since = () => performance.now() - began;
  await lab.startDirector(JOINER, COMPILED);
  await untilKnown(lab, JOINER, count, progress);
  const known = since();
  await until('equal digests', WITHIN, () => agree(lab));
  const equal = since();
  progress(`digests are equal after ${seconds(equal)} s`);
  // What the table has is written into the kernel in its turn.
  await until(`${count} connections in the kernel of ${JOINER}`, WITHIN, async () => {
    return Number(await must(lab, JOINER, ['cat', '/proc/sys/net/netfilter/nf_conntrack_count'])) >= count;
  });
  return { known, equal, written: since() };
}

/** By the joiner's own events. An emulated one that answers too late is given up, and goes on where it was. */
function streamClaims(events: readonly EventDocument[]): readonly Claim[] {
  const first = (event: string, words: string) => {
    const t = events.find((one) => one.event === event)?.t;
    return t === undefined ? [] : [told(`${words}, after its start`, seconds(t), 's')];
  };
  const ended = events.filter(({ event }) => event === 'sync-peer-down').length;
  return [
    ...first('vip-announced', `${JOINER} announces`),
    ...first('sync-peer-up', `${JOINER} and ${OWNER} have a stream`),
    told('streams that ended while it was copied', ended),
  ];
}

/** Room for so many entries, and a cluster file of two directors that lets the joiner wait for all of them. */
async function prepare(lab: Lab, count: number): Promise<void> {
  await FULLNAT_ON_IPVS.prepare?.(lab);
  const text = await readFile(join(projectRoot, 'lab/topologies', FULLNAT_ON_IPVS.cluster), 'utf8');
  // Without checks: an emulated director that is busy would find servers down, and end their connections.
  const patient = [replacing(/syncTimeout: \w+/, 'syncTimeout: 1800s'), replacing(/health: \{.*\}/, 'health: none')];
  const edits = [...patient, replacing(/ {2}d3: .*\n {2}d4: .*\n/, '')];
  for (const { name } of lab.byRole('director')) {
    await lab.configure(
      name,
      edits.reduce((written, edit) => edit(written), text),
    );
  }
  const room = 2 ** Math.ceil(Math.log2(count * 1.2));
  const script = [
    'set -e',
    'modprobe nf_conntrack',
    `echo ${room} >/sys/module/nf_conntrack/parameters/hashsize`,
    `sysctl -q -w net.netfilter.nf_conntrack_max=${room}`,
    'ip netns attach here 1',
  ];
  await Promise.all(BOTH.map((name) => must(lab, name, ['sh', '-c', script.join('\n')])));
}

async function start(lab: Lab, name: string): Promise<void> {
  await lab.startDirector(name, COMPILED);
  await untilAnnounced(lab, name, WITHIN);
}

/** Entries as of connections that are established, with no agent listening. Returns how long it takes, milliseconds. */
async function fill(lab: Lab, generator: CtLoad, count: number): Promise<number> {
  const members = await must(lab, OWNER, ['nft', 'list', 'map', 'ip', 'sluice_v1', 'members']);
  const element = members.split(/[,{}]/).find((one) => one.includes(`${VIP} . tcp . 80 . ${SERVER} :`));
  const mark = /(0x[0-9a-f]+)/.exec(element ?? '')?.[1];
  if (mark === undefined) throw new Error(`${OWNER} has no id for ${SERVER}`);
  await lab.stopDirector(OWNER, 'SIGKILL');
  const words = ['fill', 'here', String(count), '0', 'new', VIP, SERVER, mark, LOCAL];
  const said = await must(lab, OWNER, [generator.program, ...words], WITHIN);
  const { madeFirst, madeLast } = JSON.parse(said) as Pick<Loaded, 'madeFirst' | 'madeLast'>;
  return (madeLast - madeFirst) / 1e6;
}

async function untilKnown(lab: Lab, name: string, count: number, progress: (line: string) => void): Promise<void> {
  let said = 0;
  await until(`${name} knows ${count} connections`, WITHIN, async () => {
    const { total } = (await lab.api(name).get('/v1/sync')).connections;
    if (total - said >= count / PARTS) {
      said = total;
      progress(`${name} knows ${total}`);
    }
    return total >= count;
  });
}

async function agree(lab: Lab): Promise<boolean> {
  const documents = await Promise.all(BOTH.map((name) => lab.api(name).get('/v1/sync')));
  return documents.every(({ state, peers }) => {
    const other = peers.find((peer) => peer.state === 'up');
    return state === 'synced' && other?.digestsMatch === true;
  });
}

async function present(lab: Lab, generator: CtLoad, count: number): Promise<number> {
  const said = await must(lab, JOINER, [generator.program, 'present', 'here', String(count)], WITHIN);
  return (JSON.parse(said) as { present: number }).present;
}

/** Bytes. */
interface Reading {
  /** Of the agent, resident. */
  readonly agent: number;
  /** Of its table of connections. */
  readonly table: number;
  /** What the kernel has taken for itself and cannot give back. */
  readonly kernel: number;
  readonly total: number;
}

async function reading(lab: Lab, name: string): Promise<Reading> {
  const { connections } = await lab.api(name).get('/v1/sync');
  const status = await must(lab, name, ['cat', `/proc/${lab.directorPid(name)}/status`]);
  const agent = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
  return { agent, table: connections.bytes, kernel: await kernelBytes(lab, name), total: connections.total };
}

async function kernelBytes(lab: Lab, name: string): Promise<number> {
  return Number(/^SUnreclaim:\s+(\d+)/m.exec(await must(lab, name, ['cat', '/proc/meminfo']))?.[1]) * 1024;
}

function memoryClaims(name: string, before: Reading, after: Reading, count: number): readonly Claim[] {
  const each = (key: 'agent' | 'table' | 'kernel') => Math.round((after[key] - before[key]) / count);
  return [
    told(`${name}: agent's memory of a connection, resident`, each('agent'), 'B'),
    told(`${name}: of it in the table`, each('table'), 'B'),
    told(`${name}: kernel's memory of a connection`, each('kernel'), 'B'),
    told(`${name}: resident memory of the agent`, Math.round(after.agent / 2 ** 20), 'MiB'),
  ];
}

function loopClaims(documents: readonly StatusDocument[]): readonly Claim[] {
  return documents.map(({ process }, index) =>
    told(`${BOTH[index]}: main loop late, p99.9`, Math.round(process.eventLoopDelay.p999), 'ms'),
  );
}

async function must(lab: Lab, name: string, argv: readonly string[], deadline = 60_000): Promise<string> {
  const { code, stdout, stderr } = await lab.node(name).exec(argv, { deadline });
  if (code !== 0) throw new Error(`${name}: ${argv.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 100) / 10;
}
