/** A director with everything around it in memory, on a clock that the test moves, and its events as lines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadedCluster, loadCluster } from '../../../src/agent/cluster-file.ts';
import { Director } from '../../../src/agent/director.ts';
import { EventLog } from '../../../src/agent/events.ts';
import type { LifeFacts } from '../../../src/agent/memory/last-life.ts';
import type { EventDocument } from '../../../src/api/documents.ts';
import { formatIpv4 } from '../../../src/core/base/ipv4.ts';
import type { ServerName } from '../../../src/core/servers/server-lifecycles.ts';
import { FakeConntrack } from '../../../src/drivers/conntrack/fake.ts';
import { FakeDataplane, FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { FakeInside } from '../../../src/drivers/inside/fake.ts';
import { FakeLinks } from '../../../src/drivers/links/fake.ts';
import { FakeRouteKernel, FakeRoutes } from '../../../src/drivers/routes/fake.ts';
import { FakeSpeaker } from '../../../src/drivers/routing/fake.ts';
import { FakeTunnels } from '../../../src/drivers/tunnels/fake.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { FakeSyncThreads } from './sync-threads.ts';

/** The time of day when a world begins. */
export const NOON = Date.UTC(2026, 5, 1, 12);

type LastVerdict = ConstructorParameters<typeof Director>[0]['lastVerdict'];

export interface ServiceChoices {
  readonly vip?: string;
  readonly ports?: string;
  readonly servers?: string;
}

/** A cluster file with these services, by name. */
export function clusterText(services: Readonly<Record<string, ServiceChoices>>): string {
  const entries = Object.entries(services).map(([name, choices]) => {
    const { vip = '203.0.113.10', ports = '80', servers = 's1: 10.3.0.21, s2: 10.3.0.22' } = choices;
    return `  ${name}:
    vip: [${vip}]
    ports: [${ports}]
    protocol: tcp
    forward: nat
    servers: { ${servers} }
    health: { interval: 1s, timeout: 500ms, rise: 2, fall: 2 }
    announce: { min: 1, metric: 10, lsa: stub }`;
  });
  return `cluster: test
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } }
lifecycle: { holdUp: 10s, drain: 30s }
routing:
  speaker: ospf
  instances:
    outside:
      area: 0.0.0.0
      announce: [vip]
      interfaces: { up0: { network: point-to-point, hello: 1s, dead: 4s } }
dataplane: nftables
services:
${entries.join('\n')}
`;
}

export async function parsed(text: string): Promise<LoadedCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-world-'));
  const path = join(dir, 'cluster.yml');
  writeFileSync(path, text);
  writeFileSync(join(dir, 'cluster.keys'), `1 ${'5a'.repeat(32)}\n`, { mode: 0o600 });
  const loaded = await loadCluster(path, 'd1');
  rmSync(dir, { recursive: true });
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  return loaded;
}

export class World {
  readonly clock = new FakeClock();
  readonly events = new EventLog(this.clock);
  readonly kernel: FakeKernel;
  readonly conntrack: FakeConntrack;
  readonly routeKernel: FakeRouteKernel;
  readonly linkKernel: FakeLinks;
  readonly tunnelKernel: FakeTunnels;
  readonly insideKernel: FakeInside;
  readonly syncThreads = new FakeSyncThreads();
  readonly speakers: FakeSpeaker[] = [];
  /** Addresses of real servers that do not answer. */
  readonly down = new Set<string>();
  readonly director: Director;
  /** What is kept for the next life. */
  kept: LifeFacts | undefined;
  /** For how long the next agent is waited for. */
  grace: number | undefined;
  /** Servers that the operator has drained. */
  drained: readonly ServerName[];
  /** Set by the test: nothing can be kept. */
  diskRefusal: Error | undefined;

  /** `earlier`: the world whose kernel this one starts on. `lastVerdict`: what its checks have left. */
  constructor(loaded: LoadedCluster, earlier?: World, lastVerdict: LastVerdict = () => 'unknown') {
    this.kernel = earlier?.kernel ?? new FakeKernel();
    this.drained = earlier?.drained ?? [];
    this.conntrack = new FakeConntrack(this.kernel.connections);
    this.routeKernel = earlier?.routeKernel ?? new FakeRouteKernel(['eth1']);
    this.linkKernel = earlier?.linkKernel ?? new FakeLinks();
    this.tunnelKernel = earlier?.tunnelKernel ?? new FakeTunnels();
    this.insideKernel = earlier?.insideKernel ?? new FakeInside();
    const { clock, events } = this;
    this.director = new Director(
      {
        clock,
        events,
        dataplane: new FakeDataplane(this.kernel),
        conntrack: this.conntrack,
        startSync: this.syncThreads.start,
        drained: {
          names: this.drained,
          keep: async (names) => {
            this.drained = names;
          },
        },
        routes: new FakeRoutes(this.routeKernel),
        linkControl: this.linkKernel,
        tunnels: this.tunnelKernel,
        inside: this.insideKernel,
        links: { links: () => new Map(), onChange: () => () => {} },
        makeSpeaker: (name) => {
          const speaker = new FakeSpeaker(name);
          this.speakers.push(speaker);
          return speaker;
        },
        startProbe: (target, _timeout, onResult) =>
          clock.after(10, () => {
            const ok = !this.down.has(formatIpv4(target.address));
            onResult({ ok, detail: ok ? 'connected' : 'ECONNREFUSED' });
          }),
        lastVerdict,
        sequences: { reserve: async () => {}, close: () => {} },
        timeOfDay: () => NOON + clock.now(),
        life: {
          keep: (facts) => {
            this.kept = facts;
          },
          forget: async () => {
            this.kept = undefined;
          },
          handOver: async (facts, grace) => {
            if (this.diskRefusal !== undefined) throw this.diskRefusal;
            this.kept = facts;
            this.grace = grace;
          },
        },
        graceSequence: () => 7,
        seed: 1,
      },
      loaded,
    );
  }

  get speaker(): FakeSpeaker {
    const speaker = this.speakers.at(-1);
    if (speaker === undefined) throw new Error('no speaker yet');
    return speaker;
  }

  async start(): Promise<void> {
    await this.director.greet();
    await this.director.open();
    await settle();
  }

  /** The story so far, without what the health checks say: `vip-announcing 203.0.113.10`. */
  story(since = 0): string[] {
    const told = this.events
      .since(since)
      .filter(({ event }) => event !== 'server-state' && event !== 'routes-installed');
    return told.map(line);
  }

  get seq(): number {
    return this.events.since(0).at(-1)?.seq ?? 0;
  }

  /** VIPs that have a local route in the kernel. */
  localRoutes(): string[] {
    return [...this.routeKernel.ours.values()]
      .filter(({ kind }) => kind === 'local')
      .map(({ prefix }) => formatIpv4(prefix.address));
  }
}

function line({ event, values }: EventDocument): string {
  const shown = ['vip', 'vips', 'to', 'step', 'metric', 'message', 'kernel'].flatMap((key) => values[key] ?? []);
  return [event, ...shown.map(String)].join(' ');
}
