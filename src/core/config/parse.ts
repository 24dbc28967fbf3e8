/**
 * The cluster file: text to `Cluster`, or every fault at once.
 *
 * In: the text of the file, whatever it is. Out: the cluster with units resolved and defaults filled in, or all faults with
 * line, column, dotted path and, where there is a good guess, a hint. Never throws.
 * Faults of YAML syntax come alone, as nothing can be said about the rest; faults of shape (`schema.ts`) and of what must
 * hold between values (`checks/cross.ts`) come together. Reading the file is the caller's.
 */
import * as v from 'valibot';
import type { Fault } from '../base/fault.ts';
import type { Millis } from '../base/machine.ts';
import type {
  Cluster,
  Director,
  HandOver,
  Health,
  RoutingAuthentication,
  RoutingInstance,
  Service,
} from '../model/cluster.ts';
import { type AnnouncedAs, AS_STUB, type FrrSettings } from '../model/routing.ts';
import { DEFAULT_SCHEDULER, type Scheduler } from '../model/scheduler.ts';
import { type SyncScope, usualScope } from '../model/sync-scope.ts';
import type { TimeoutState, Timeouts } from '../model/timeouts.ts';
import { GUE_PORT, type Tunnel } from '../model/tunnel.ts';
import { crossChecks } from './checks/cross.ts';
import { neededPlane } from './checks/planes.ts';
import { byPlace, loadYaml, type Path, type Positions } from './document.ts';
import { type ClusterFile, clusterFile } from './schema.ts';
import type { Complaint, Sound } from './sound.ts';

export type Parsed = { readonly cluster: Cluster } | { readonly faults: readonly Fault[] };

export function parseCluster(text: string): Parsed {
  const loaded = loadYaml(text);
  if ('faults' in loaded) return loaded;
  const { values, positions } = loaded;
  if (values === null) return { faults: [{ line: 1, column: 1, path: '', message: 'the file is empty' }] };
  const result = v.safeParse(clusterFile, values);
  const refused = (result.issues ?? []).map(complaintOf);
  const complaints = [...refused, ...crossChecks(soundPart(result.output, refused))];
  if (!result.success || complaints.length > 0)
    return { faults: complaints.map((c) => place(c, positions)).sort(byPlace) };
  return { cluster: clusterOf(result.output) };
}

type SchemaIssue = v.InferIssue<typeof clusterFile> | v.BaseIssue<unknown>;

/** See the head of `blocks.ts` for what issue types mean. */
function complaintOf(issue: SchemaIssue): Complaint {
  const items = issue.path ?? [];
  const path = items.map((item) => String(item.key));
  if (issue.type === 'object') return { path, part: 'key', message: 'missing' };
  const part = issue.type === 'custom' || items.at(-1)?.origin === 'key' ? 'key' : 'value';
  const split = issue.message.indexOf('; ');
  if (split < 0) return { path, part, message: issue.message };
  return { path, part, message: issue.message.slice(0, split), hint: issue.message.slice(split + 2) };
}

function place(complaint: Complaint, positions: Positions): Fault {
  const { path, part, message, hint } = complaint;
  return { ...positions.of(path, part), path: path.join('.'), message, ...(hint === undefined ? {} : { hint }) };
}

function isRecord(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Takes every refused value out of what the schema returned: what is left has the types that the schema promises. */
function soundPart(output: unknown, refused: readonly Complaint[]): Sound<ClusterFile> {
  for (const { path } of refused) removeAt(output, path);
  const rootRefused = refused.some(({ path }) => path.length === 0);
  return rootRefused || !isRecord(output) ? {} : (output as Sound<ClusterFile>);
}

function removeAt(root: unknown, path: Path): void {
  let holder = root;
  for (const segment of path.slice(0, -1)) holder = isRecord(holder) ? holder[segment] : undefined;
  const last = path.at(-1);
  if (last === undefined || !isRecord(holder) || !Object.hasOwn(holder, last)) return;
  // In a list the others keep their index.
  holder[last] = undefined;
}

const DEFAULT_POLL = 20_000;

function clusterOf(file: ClusterFile): Cluster {
  const isSynced = file.keys !== undefined;
  return {
    cluster: file.cluster,
    keys: file.keys,
    mappingLog: file.mappingLog?.file,
    directors: Object.entries(file.directors).map(([name, director]): Director => {
      const { mac, ...rest } = director;
      return { name, ...rest, macs: mac, local: director.local ?? [] };
    }),
    lifecycle: {
      ...file.lifecycle,
      syncTimeout: isSynced ? (file.lifecycle.syncTimeout ?? DEFAULT_SYNC_TIMEOUT) : undefined,
    },
    routing: {
      speaker: file.routing.speaker,
      ...frrOf(file.routing),
      instances: Object.entries(file.routing.instances).map(([name, instance]): RoutingInstance => {
        const interfaces = Object.entries(instance.interfaces).map(([alias, settings]) => {
          const { hello, dead = hello < 1000 ? 1000 : 4 * hello, neighbors = [], poll = DEFAULT_POLL } = settings;
          const auth = authOf(settings.auth);
          return { alias, ...settings, auth, dead, neighbors, poll };
        });
        const { area, gracefulRestart } = instance;
        const announce = [...new Set(instance.announce)];
        const rules = instance.import.filter((rule) => rule !== 'none');
        return { name, area: area.id, areaType: area.type, announce, import: rules, interfaces, gracefulRestart };
      }),
    },
    dataplane: file.dataplane,
    planeNeeded: neededPlane(file),
    local: { shared: file.local.shared ?? [], handOver: handOverOf(file.local.handOver) },
    services: Object.entries(file.services).map(([name, service]) => serviceOf(name, service, isSynced)),
    vips: file.vips,
    snat: Object.entries(file.snat).map(([name, { from, pool }]) => ({ name, from, pool })),
  };
}

/** Nothing of FRR is said in a file for another speaker. */
function frrOf({ speaker, frr }: ClusterFile['routing']): { frr?: FrrSettings } {
  if (speaker !== 'frr') return {};
  const written = Object.fromEntries(Object.entries(frr ?? {}).filter(([, value]) => value !== undefined));
  return { frr: { ...DEFAULT_FRR, ...written } };
}

const DEFAULT_FRR: FrrSettings = {
  vtysh: '/usr/bin/vtysh',
  vtyDir: undefined,
  deadline: 5000,
  announce: 'external',
  unverified: false,
  write: 'never',
};

type FileAuth = ClusterFile['routing']['instances'][string]['interfaces'][string]['auth'];

/** `algorithm: none` is the same as no word. */
function authOf(auth: FileAuth): RoutingAuthentication | undefined {
  if (auth === undefined || auth.algorithm === 'none') return undefined;
  // The cross-checks have seen to it that there are keys.
  return { algorithm: auth.algorithm, keys: auth.keys!, migrate: auth.migrate };
}

function handOverOf(handOver: ClusterFile['local']['handOver']): HandOver | undefined {
  if (handOver === undefined) return undefined;
  if (typeof handOver === 'string') return { kind: 'segment', alias: handOver };
  const { id, port, mtu } = handOver.vxlan;
  return { kind: 'vxlan', id, port, mtu };
}

type FileService = ClusterFile['services'][string];

function serviceOf(name: string, service: FileService, isSynced: boolean): Service {
  const { sorry, drain, slowStart, whenServerDown = 'reset', forward } = service;
  const { min, metric, whenDown = sorry === undefined ? 'withdraw' : 'metric' } = service.announce;
  return {
    name,
    vips: service.vip,
    ports: service.ports ?? [],
    protocol: service.protocol ?? 'tcp',
    fwmark: service.fwmark,
    forward,
    inside: service.inside,
    scheduler: schedulerOf(service),
    ...persistenceOf(service),
    onePacket: service.onePacket || undefined,
    timeouts: timeoutsOf(service.timeouts),
    direct: forward === 'dr' ? { via: service.via, sticky: service.sticky } : undefined,
    tunnel: forward === 'tun' ? tunnelOf(service.tunnel) : undefined,
    servers: Object.entries(service.servers).map(([server, settings]) => ({ name: server, ...settings })),
    sorry,
    changes: { drain, slowStart, whenDown: forward === 'dr' || forward === 'tun' ? 'keep' : whenServerDown },
    health: healthOf(service),
    announce: { min, metric, whenDown, lsa: announcedAs(service.announce) },
    sync: isSynced ? syncOf(service) : undefined,
  };
}

function syncOf({ protocol, forward, sync }: FileService): SyncScope {
  // Only what conntrack translates is copied.
  if (forward === 'dr' || forward === 'tun') return 'off';
  return sync ?? usualScope(protocol);
}

const DEFAULT_SYNC_TIMEOUT = 30_000;
const DEFAULT_PERSISTENCE = 600_000;

function persistenceOf({ persistence }: FileService): Pick<Service, 'persistence' | 'persistenceMask'> {
  if (typeof persistence !== 'object') {
    return { persistence: persistence === true ? DEFAULT_PERSISTENCE : persistence || undefined };
  }
  const { time, netmask } = persistence;
  return { persistence: time, persistenceMask: netmask === 32 ? undefined : netmask };
}

function tunnelOf({ type, port, checksum }: NonNullable<FileService['tunnel']> = USUAL_TUNNEL): Tunnel {
  return { type, port: type === 'gue' ? (port ?? GUE_PORT) : undefined, checksum };
}

const USUAL_TUNNEL = { type: 'ipip', checksum: 'none' } as const;

/** Packets known by a mark come from several ports of a client, and are to have one server: they are hashed by address. */
function schedulerOf({ scheduler, fwmark }: FileService): Scheduler {
  const { name, slots = DEFAULT_SCHEDULER.slots, sourcePort = fwmark === undefined } = scheduler;
  if (name === 'mh') return { name, slots, sourcePort };
  return name === 'sh' ? { name, sourcePort: scheduler.sourcePort ?? false } : { name };
}

function timeoutsOf(written: FileService['timeouts']): Timeouts | undefined {
  const given = Object.entries(written ?? {}).filter(
    (entry): entry is [TimeoutState, Millis] => entry[1] !== undefined,
  );
  return given.length === 0 ? undefined : Object.fromEntries(given.map(([state, time]) => [state, time / 1000]));
}

function announcedAs({ lsa, metricType, tag }: FileService['announce']): AnnouncedAs {
  if (lsa === 'stub') return AS_STUB;
  return { kind: lsa, metricType: metricType === 'E2' ? 2 : 1, tag: tag ?? 0 };
}

const DEFAULT_HEALTH = { interval: 2000, timeout: 1000, rise: 2, fall: 3 };

/** Without a word in the file TCP services get a TCP check; UDP ones none, as silence says nothing about them. */
function healthOf(service: FileService): Health | undefined {
  // A service known by its mark has none; the cross-checks have seen to it that the check names one.
  const port = service.ports?.[0] ?? 0;
  if (!('health' in service)) {
    return (service.protocol ?? 'tcp') === 'tcp' ? { check: { kind: 'tcp' }, port, ...DEFAULT_HEALTH } : undefined;
  }
  if (service.health === undefined) return undefined;
  const { http, interval, timeout, rise, fall } = service.health;
  const check: Health['check'] =
    http === undefined ? { kind: 'tcp' } : { kind: 'http', path: http.path, expect: http.expect, host: http.host };
  return { check, port: service.health.port ?? port, interval, timeout, rise, fall };
}
