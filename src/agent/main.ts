/**
 * The agent as a process: puts the real parts together, answers signals, and ends with an exit code.
 *
 * The order of the start matters. The file is checked, the namespace and the control socket are claimed before anything is
 * touched; the data plane begins to open, which waits for other programs; meanwhile the neighbors hear Hello; the log and
 * the first health checks follow while adjacencies come up.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { EventDocument } from '../api/documents.ts';
import { serveControl } from '../api/server.ts';
import { formatFault } from '../core/base/fault.ts';
import type { Millis } from '../core/base/machine.ts';
import { targetKey } from '../core/health/target.ts';
import type { InstanceConfig } from '../core/ospf/events.ts';
import { NetlinkConntrack } from '../drivers/conntrack/netlink.ts';
import { type ChosenPlane, choosePlane } from '../drivers/dataplane/choose.ts';
import { hasIpvs, IpvsDataplane } from '../drivers/dataplane/ipvs.ts';
import { NftablesDataplane } from '../drivers/dataplane/nftables.ts';
import type { Dataplane } from '../drivers/dataplane/port.ts';
import { RtnetlinkInside } from '../drivers/inside/rtnetlink.ts';
import { RtnetlinkLinks } from '../drivers/links/rtnetlink.ts';
import { RtnetlinkRoutes } from '../drivers/routes/rtnetlink.ts';
import { OspfSpeaker } from '../drivers/routing/ospf.ts';
import { RtnetlinkTunnels } from '../drivers/tunnels/rtnetlink.ts';
import { bootId, sinceBoot, thisHost } from '../io/boot.ts';
import { systemClock } from '../io/clock.ts';
import { digester } from '../io/digester.ts';
import { watchEventLoop } from '../io/event-loop.ts';
import { loadNativeParts } from '../io/native.ts';
import { openOspfSocket } from '../io/ospf-socket.ts';
import { raisePriority } from '../io/priority.ts';
import { startProbe } from '../io/probes.ts';
import { stateFile } from '../io/state-file.ts';
import { type LoadedCluster, loadCluster } from './cluster-file.ts';
import { Control } from './control.ts';
import { Director } from './director.ts';
import type { DirectorPorts } from './director-ports.ts';
import { EventLog } from './events.ts';
import { explain } from './explain.ts';
import { frrSpeakers } from './frr-speakers.ts';
import { LifeKeeper, readLastLife } from './keepers/life-keeper.ts';
import { SequenceKeeper } from './keepers/sequence-keeper.ts';
import { LinkHub } from './link-hub.ts';
import { DrainedServers } from './memory/drained-servers.ts';
import { IPVS_FILE, ipvsMemory } from './memory/ipvs-memory.ts';
import { type Continuation, graceSequence, type LastLife } from './memory/last-life.ts';
import { SYSCTLS_FILE, sysctlMemory } from './memory/sysctl-memory.ts';
import { claimNamespace, type NamespaceClaim, NamespaceTaken } from './single-instance.ts';
import { startSyncThread } from './sync/worker.ts';

export interface RunOptions {
  readonly config: string;
  readonly name: string | undefined;
  readonly runDir: string;
  readonly stateDir: string;
  readonly version: string;
}

/** Exit codes of the agent, as those of every command. */
const Exit = { done: 0, refused: 1, missing: 2 } as const;

/** How often at most the file for the next life is written only to say that we are alive. */
const LEAST_REFRESH: Millis = 1000;
/** How long the neighbors of a killed agent are asked to wait at least. */
const LEAST_GRACE: Millis = 10_000;
/** After the first verdicts, until what they make of the VIPs is in the data plane and read back. */
const READ_BACK_WITHIN: Millis = 1500;

/** Resolves with the exit code once the agent has ended. What kept it from running is on standard error. */
export async function runAgent(options: RunOptions): Promise<number> {
  const name = options.name ?? hostname();
  const loaded = await loadCluster(options.config, name);
  if ('faults' in loaded) {
    for (const fault of loaded.faults) complain(formatFault(options.config, fault));
    return Exit.refused;
  }
  let claim: NamespaceClaim | undefined;
  try {
    loadNativeParts();
    await mkdir(options.runDir, { recursive: true });
    await mkdir(join(options.stateDir, name), { recursive: true });
    claim = await claimNamespace({ pid: process.pid, name, socket: socketPath(options, name) });
    await runDirector(options, name, loaded);
    return Exit.done;
  } catch (error) {
    complain(`sluice agent: ${explain(error)}`);
    return isTaken(error) ? Exit.refused : Exit.missing;
  } finally {
    await claim?.release();
  }
}

async function runDirector(options: RunOptions, name: string, loaded: LoadedCluster): Promise<void> {
  const priority = raisePriority();
  const events = new EventLog(systemClock);
  events.emit('agent-started', { director: name, pid: process.pid, version: options.version, hash: loaded.hash });
  // Programs that it runs take their time; here they do so while we go on. Whether it could is asked again below.
  const chosen = await choosePlane(loaded.cluster, hasIpvs);
  events.emit('dataplane-chosen', { ...chosen });
  const dataplane = makeDataplane(chosen, join(options.stateDir, name), events);
  dataplane.open().catch(() => undefined);
  const links = new LinkHub();
  await links.open((error) => events.emit('speaker-fault', { message: error.message }));
  const [memory, forwards] = await Promise.all([openMemory(options, name, loaded, events), doesForward(dataplane)]);
  for (const message of loaded.warnings) events.emit('keys-fault', { message });
  const director = new Director(realPorts(events, links, { ...memory, forwards }, loaded, dataplane), loaded);
  const control = new Control(director, {
    version: options.version,
    pid: process.pid,
    startedAt: new Date(performance.timeOrigin),
    configPath: options.config,
    planeReason: chosen.reason,
    priority,
    loop: watchEventLoop(),
  });
  const server = await serveControl(socketPath(options, name), control);
  const unlisten = listenToSignals(director, control);
  try {
    await director.greet();
    await serve(director, name);
  } finally {
    unlisten();
    await server.close();
    links.close();
  }
}

function makeDataplane({ plane }: ChosenPlane, folder: string, events: EventLog): Dataplane {
  const sysctls = sysctlMemory(stateFile(join(folder, SYSCTLS_FILE)), thisHost, events);
  if (plane === 'nftables') return new NftablesDataplane(sysctls);
  return new IpvsDataplane({ sysctls, services: ipvsMemory(stateFile(join(folder, IPVS_FILE)), thisHost, events) });
}

/** From the first Hello to the end. Throws what keeps the data plane from being opened. */
async function serve(director: Director, name: string): Promise<void> {
  const opening = Promise.race([director.open(), director.stopped]);
  // Awaited below, once there is a log to tell of it.
  opening.catch(() => undefined);
  const { openLog } = await import('../io/log.ts');
  const log = openLog({ cluster: director.loaded.cluster.cluster, director: name });
  director.events.attach((event) => log.write(isFault(event) ? 'warn' : 'info', event.event, logged(event)));
  try {
    await opening;
    await director.stopped;
  } catch (error) {
    await director.stopAtOnce();
    throw error;
  } finally {
    await log.close();
  }
}

interface Memory {
  readonly sequences: SequenceKeeper;
  readonly last: LastLife;
  readonly keeper: LifeKeeper;
  readonly drained: DirectorPorts['drained'];
}

/** What the last agent has left, and what keeps the same for the next one. */
async function openMemory(
  { stateDir }: RunOptions,
  name: string,
  { cluster, director }: LoadedCluster,
  events: EventLog,
): Promise<Memory> {
  const file = stateFile(join(stateDir, name, 'last-life.json'));
  const boot = await bootId().catch((error: Error) => {
    events.emit('state-file-fault', { message: error.message });
    // Like no other: nothing is believed.
    return randomUUID();
  });
  const present = { bootId: boot, routerId: director.routerId, now: sinceBoot };
  const interfaces = cluster.routing.instances.flatMap((instance) => instance.interfaces);
  const refresh = Math.max(LEAST_REFRESH, Math.min(...interfaces.map(({ dead }) => dead)) / 4);
  const last = await readLastLife(file, present, events);
  const numbers = stateFile(join(stateDir, name, 'ospf-sequence.json'));
  const sequences = new SequenceKeeper({ clock: systemClock, timeOfDay: Date.now, events, file: numbers });
  await sequences.open();
  const drained = new DrainedServers(stateFile(join(stateDir, name, 'drained-servers.json')), events);
  const keeper = new LifeKeeper({ clock: systemClock, events, file, present, refresh });
  return { sequences, last, keeper, drained: { names: await drained.read(), keep: (names) => drained.keep(names) } };
}

function realPorts(
  events: EventLog,
  links: LinkHub,
  { sequences, last, keeper, drained, forwards }: Memory & { readonly forwards: boolean },
  loaded: LoadedCluster,
  dataplane: Dataplane,
): ConstructorParameters<typeof Director>[0] {
  const frrSpeaker = frrSpeakers();
  return {
    clock: systemClock,
    events,
    links,
    startProbe,
    dataplane,
    routes: new RtnetlinkRoutes(),
    linkControl: new RtnetlinkLinks(),
    tunnels: new RtnetlinkTunnels(),
    inside: new RtnetlinkInside(),
    conntrack: new NetlinkConntrack(),
    startSync: startSyncThread,
    drained,
    makeSpeaker: (instance, config, frr) => {
      const terms = continuation(loaded, config);
      // FRR went on announcing what the last agent had told it; that counts as long as the kernel serves it.
      if (frr !== undefined) return frrSpeaker(instance, config, frr, forwards ? terms.announceWithin : 0);
      const inheriting = { ...config, ...inheritance(config, terms, last, forwards) };
      const speaker = new OspfSpeaker({
        ...{ instance, config: inheriting, clock: systemClock, links, openSocket: openOspfSocket, digester },
        firstSequence: sequences.first(),
        earlier: last.earlier(instance, terms),
      });
      sequences.follow(() => speaker.sequence());
      return speaker;
    },
    sequences,
    timeOfDay: Date.now,
    life: keeper,
    graceSequence: () => graceSequence(sinceBoot()),
    // As long as we would have gone on believing it had we stayed alive and the server failed at once.
    lastVerdict: (target) => last.verdict(targetKey(target), target.fall * target.interval + target.timeout),
    seed: randomInt(2 ** 32),
  };
}

/** On what terms the speaker of an instance goes on from where the last agent was. */
function continuation({ cluster }: LoadedCluster, { interfaces }: InstanceConfig): Continuation {
  const dead = (name: string) => interfaces.find((one) => one.name === name)?.deadInterval ?? 0;
  const checks = cluster.services.map(({ health }) =>
    health === undefined ? 0 : health.rise * health.interval + health.timeout,
  );
  // A killed agent's successor is back already: it needs no longer than its adjacencies do, and may be killed as well.
  const wanted = Math.max(LEAST_GRACE, ...interfaces.map(({ deadInterval }) => 2 * deadInterval));
  return {
    now: systemClock.now(),
    dead,
    announceWithin: Math.max(0, ...checks) + READ_BACK_WITHIN,
    grace: Math.min(cluster.lifecycle.grace, wanted),
  };
}

/**
 * What to do about announcements of an agent before us of which we know nothing: they may go on if the kernel still serves them.
 * One of which it is known that the routers have given it up is not among them: whether its servers are well is to be seen.
 */
function inheritance(
  { firstAnnounceLimit = 0 }: InstanceConfig,
  { announceWithin }: Continuation,
  last: LastLife,
  forwards: boolean,
): Pick<InstanceConfig, 'inheritLimit'> {
  if (!forwards) return { inheritLimit: 0 };
  return last.age === undefined && firstAnnounceLimit > 0 ? { inheritLimit: announceWithin } : {};
}

/** Is there a data plane of an agent before us? A kernel that does not say has none; why not is told when it is opened. */
function doesForward(dataplane: Dataplane): Promise<boolean> {
  return dataplane.isPresent().catch(() => false);
}

/** The first SIGTERM or SIGINT drains and stops, a second one stops at once; SIGUSR2 hands over. Returns how to stop listening. */
function listenToSignals(director: Director, control: Control): () => void {
  const onStop = () => void (director.isStopping ? director.stopAtOnce() : director.stop());
  const onReload = () => void reload(control);
  const onRestart = () => void handOver(director);
  process.on('SIGTERM', onStop).on('SIGINT', onStop).on('SIGHUP', onReload).on('SIGUSR2', onRestart);
  return () => {
    process.off('SIGTERM', onStop).off('SIGINT', onStop).off('SIGHUP', onReload).off('SIGUSR2', onRestart);
  };
}

async function reload(control: Control): Promise<void> {
  try {
    await control.reload();
  } catch (error) {
    complain(`sluice agent: reload: ${String(error)}`);
  }
}

async function handOver(director: Director): Promise<void> {
  const refusal = await director.handOver('restart');
  if (refusal !== undefined) complain(`sluice agent: restart: ${refusal}`);
}

/** Another agent has the namespace, or the control socket of this name. */
function isTaken(error: unknown): boolean {
  return error instanceof NamespaceTaken || (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE');
}

function isFault({ event }: EventDocument): boolean {
  return (
    event.endsWith('-fault') ||
    event.endsWith('-refused') ||
    event === 'dataplane-drift' ||
    event === 'neighbor-trouble'
  );
}

/** The values may not hide the log line's own fields. */
function logged({ seq, t, values }: EventDocument): Readonly<Record<string, unknown>> {
  return { seq, t, values };
}

function socketPath({ runDir }: RunOptions, name: string): string {
  return join(runDir, `${name}.sock`);
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}
