/**
 * Two hosts with an FRR each, in network namespaces of their own: `d`, a director, and `r`, its router, with a link `eth1`
 * between them and what an operator would have configured. FRR comes from the lab's root folders.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { parseRunningConfig } from '../../../src/core/frr/config.ts';
import type { FrrSettings } from '../../../src/core/model/routing.ts';
import type { AnnouncedPrefix, InstanceConfig } from '../../../src/core/ospf/events.ts';
import { FrrSpeaker } from '../../../src/drivers/routing/frr.ts';
import { FrrDaemon } from '../../../src/drivers/routing/frr-daemon.ts';
import type { SpeakerEvent } from '../../../src/drivers/routing/port.ts';
import { formatDeviceOp, peerOf, planDevices, type VipDevices } from '../../../src/drivers/routing/vip-devices.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { Vtysh } from '../../../src/io/vtysh.ts';
import { instanceConfig, interfaceConfig } from '../../sim/network.ts';

export const FRR_ROOTS = ['frr', 'frr-10'] as const;
export type FrrRoot = (typeof FRR_ROOTS)[number];

/** The user that FRR's daemons become; `lab/roots/specs.ts` has made it. */
const FRR_USER = 300;

const ENTER = `#!/bin/sh
exec ip netns exec NETNS /bin/sh -c '
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
for tree in dev proc sys; do mount --rbind "/$tree" "ROOT/$tree"; done
mount --bind FOLDER/run ROOT/run
mount --bind FOLDER/etc ROOT/etc/frr
# What an ospfd of another run has left there would be believed.
if [ -d ROOT/var/lib/frr ]; then mount --bind FOLDER/lib ROOT/var/lib/frr; fi
exec chroot ROOT "$@"' enter "$@"
`;

/** What an operator would have: OSPF on the link, and things that are none of our business. */
function baseConfig(id: number, ospf: string): string {
  return `hostname host${id}
ip route 198.51.100.0/24 Null0
route-map OPERATOR permit 10
 match interface eth9
exit
interface eth1
 ip ospf area 0.0.0.0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
exit
router ospf
 ospf router-id 10.255.0.${id}
${ospf}exit
`;
}

const DEVICE_COMMANDS = {
  make: ['link add NAME type veth peer name PEER', 'link set NAME up', 'link set PEER up'],
  enable: ['link set NAME up', 'link set PEER up'],
  remove: ['link del NAME'],
} as const;

class Host {
  readonly folder: string;
  readonly netns: string;
  readonly vtyshPath: string;
  readonly #root: string;
  readonly #enter: string;
  readonly #routing: readonly string[];
  readonly #daemons = new Map<string, ChildProcess>();

  constructor(name: string, run: string, root: string, routing: readonly string[]) {
    this.#root = root;
    this.#routing = routing;
    this.netns = `sl-${run}-${name}`;
    this.folder = mkdtempSync(join(tmpdir(), `${this.netns}-`));
    for (const folder of ['run/frr', 'etc', 'lib']) {
      mkdirSync(join(this.folder, folder), { recursive: true });
      chownSync(join(this.folder, folder), FRR_USER, FRR_USER);
    }
    this.#enter = join(this.folder, 'enter');
    const text = ENTER.replace('NETNS', this.netns).replaceAll('ROOT', root).replaceAll('FOLDER', this.folder);
    writeFileSync(this.#enter, text, { mode: 0o755 });
    this.vtyshPath = join(this.folder, 'vtysh');
    writeFileSync(this.vtyshPath, `#!/bin/sh\nexec ${this.#enter} vtysh "$@"\n`, { mode: 0o755 });
    chmodSync(this.folder, 0o755);
    this.configFile('service integrated-vtysh-config\n', 'vtysh.conf');
    execFileSync('ip', ['netns', 'add', this.netns]);
    this.ip('link set lo up');
  }

  ip(args: string): string {
    return execFileSync('ip', ['-n', this.netns, ...args.split(' ')], { encoding: 'utf8' });
  }

  /** In the namespace of this host, which the test is not in. */
  get devices(): VipDevices {
    return {
      settle: async (names) => {
        const shown = this.ip('-j -d link show');
        const links = JSON.parse(shown) as { ifname: string; flags: string[]; linkinfo?: { info_kind: string } }[];
        const found = links.map(({ ifname, flags, linkinfo }) => {
          return { name: ifname, isVeth: linkinfo?.info_kind === 'veth', up: flags.includes('LOWER_UP') };
        });
        const operations = planDevices(names, found);
        for (const { kind, name } of operations)
          for (const args of DEVICE_COMMANDS[kind]) this.ip(args.replace('NAME', name).replace('PEER', peerOf(name)));
        return operations.map(formatDeviceOp);
      },
    };
  }

  configFile(text: string, name = 'frr.conf'): void {
    const path = join(this.folder, 'etc', name);
    writeFileSync(path, text);
    chownSync(path, FRR_USER, FRR_USER);
  }

  vtysh(...commands: string[]): string {
    return execFileSync(
      this.vtyshPath,
      commands.flatMap((command) => ['-c', command]),
      { encoding: 'utf8' },
    );
  }

  /** As the speaker asks, of one daemon. */
  vtyshOf(daemon: string, command: string): string {
    return execFileSync(this.vtyshPath, ['-d', daemon, '-c', command], { encoding: 'utf8' });
  }

  /** What `vtysh -C` finds wrong with the configuration file. */
  check(): string {
    const { status, stdout, stderr } = spawnSync(this.#enter, ['vtysh', '-C', '-f', '/etc/frr/frr.conf'], {
      encoding: 'utf8',
    });
    return status === 0 ? '' : `${stdout}${stderr}`;
  }

  /** In FRR's order: from 10 on mgmtd first. */
  get daemonNames(): readonly string[] {
    const first = existsSync(join(this.#root, 'usr/lib/frr/mgmtd')) ? ['mgmtd', 'zebra'] : ['zebra'];
    return [...first, 'staticd', ...this.#routing];
  }

  processId(daemon: string): number {
    // The script became the program.
    return this.#daemons.get(daemon)!.pid!;
  }

  async start(names: readonly string[] = this.daemonNames): Promise<void> {
    for (const name of names) {
      const socket = join(this.folder, 'run/frr', `${name}.vty`);
      rmSync(socket, { force: true });
      const [program, instance] = name.split('-');
      const numbered = instance === undefined ? [] : ['-n', instance];
      const args = [`/usr/lib/frr/${program}`, ...numbered, '-A', '127.0.0.1', '--log', 'file:/run/daemons.log'];
      this.#daemons.set(name, spawn(this.#enter, args, { stdio: 'ignore' }));
      await until(`${name} to start`, () => existsSync(socket));
    }
    execFileSync(this.#enter, ['vtysh', '-b'], { stdio: 'ignore' });
  }

  signal(signal: NodeJS.Signals, names: readonly string[] = this.daemonNames): void {
    for (const name of names) this.#daemons.get(name)?.kill(signal);
  }

  async kill(names: readonly string[] = this.daemonNames): Promise<void> {
    for (const name of names) {
      const daemon = this.#daemons.get(name);
      if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) continue;
      const ended = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill('SIGKILL');
      await ended;
    }
  }

  async remove(): Promise<void> {
    await this.kill([...this.#daemons.keys()]);
    execFileSync('ip', ['netns', 'del', this.netns]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function until(what: string, is: () => boolean, within = 20_000): Promise<void> {
  const end = performance.now() + within;
  while (!is()) {
    if (performance.now() > end) throw new Error(`waited ${within / 1000} s for ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}

export interface Speaking {
  readonly speaker: FrrSpeaker;
  readonly daemon: FrrDaemon;
  readonly news: SpeakerEvent[];
  faults(): string[];
}

/** What is not as usual: one link, one ospfd, `baseConfig`. */
export interface Shape {
  config(id: number): string;
  readonly links: number;
  /** Beside zebra and what it needs; `ospfd-1` is the one of `router ospf 1`. */
  readonly daemons: readonly string[];
}

export class FrrWorld {
  readonly d: Host;
  readonly r: Host;
  #speaking: Speaking[] = [];

  private constructor(d: Host, r: Host) {
    this.d = d;
    this.r = r;
  }

  /** Both run FRR of this root folder; Full is waited for. */
  static async begin(root: FrrRoot, ospf = '', shape: Partial<Shape> = {}): Promise<FrrWorld> {
    await ensureRoots([root], () => undefined);
    const path = await rootPath(root);
    const run = `f${process.pid.toString(36)}`;
    const { config = (id) => baseConfig(id, ospf), daemons = ['ospfd'], links = 1 } = shape;
    const world = new FrrWorld(new Host('d', run, path, daemons), new Host('r', run, path, daemons));
    try {
      await world.#connect(config, links);
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  async #connect(config: (id: number) => string, links: number): Promise<void> {
    const { d, r } = this;
    for (let link = 1; link <= links; link += 1) {
      d.ip(`link add eth${link} type veth peer name eth${link} netns ${r.netns}`);
      for (const [index, host] of [d, r].entries()) {
        host.ip(`link set eth${link} up`);
        host.ip(`addr add 10.1.${link - 1}.${index + 1}/24 dev eth${link}`);
      }
    }
    for (const [index, host] of [d, r].entries()) host.configFile(config(index + 1));
    await r.start();
    await d.start();
    await this.full();
  }

  async full(): Promise<void> {
    await until('d and r to be Full', () => this.d.vtysh('show ip ospf neighbor json').includes('"Full'), 30_000);
  }

  /** A speaker over the director's FRR. Those before it are dropped as if their agent had been killed. */
  speak(
    settings: Partial<{
      keepInherited: number;
      deadline: number;
      config: Partial<InstanceConfig>;
      announce: FrrSettings['announce'];
      /** Another instance over the same FRR. */
      beside: Speaking;
      instance: string;
      process: number;
      interface: string;
    }> = {},
  ): Speaking {
    if (settings.beside === undefined) this.drop();
    const { announce = 'external', deadline = 5000, instance = 'outside', process } = settings;
    const frr = { vtysh: this.d.vtyshPath, vtyDir: undefined, deadline };
    const options = { ...frr, announce, unverified: false, write: 'never' } as const;
    const daemon = settings.beside?.daemon ?? this.#daemon(options);
    const speaker = new FrrSpeaker({
      ...{ instance, daemon, process, clock: systemClock },
      config: instanceConfig('10.255.0.1', [interfaceConfig(settings.interface ?? 'eth1')], settings.config),
      ...{ keepInherited: settings.keepInherited ?? 0, settings: options },
    });
    const news: SpeakerEvent[] = [];
    speaker.onEvent((event) => news.push(event));
    const faults = () => news.flatMap((event) => (event.kind === 'fault' ? [event.message] : []));
    const speaking = { speaker, daemon, news, faults };
    this.#speaking.push(speaking);
    return speaking;
  }

  #daemon(settings: FrrSettings): FrrDaemon {
    const vtysh = new Vtysh({ program: settings.vtysh, deadline: settings.deadline });
    return new FrrDaemon({ vtysh, settings, devices: this.d.devices, clock: systemClock, timeOfDay: Date.now });
  }

  drop(): void {
    for (const { daemon } of this.#speaking) daemon.handOver();
    this.#speaking = [];
  }

  /** The operator's part of the director's configuration. */
  foreign(): readonly string[] {
    return parseRunningConfig(this.d.vtysh('show running-config')).foreign;
  }

  /** Of the director's external LSAs, as the router has them: link state id -> sequence number. */
  sequences(): ReadonlyMap<string, string> {
    const { asExternalLinkStates: rows } = JSON.parse(this.r.vtysh('show ip ospf database external json'));
    const live = rows.filter((row: { lsaAge: number }) => row.lsaAge < 3600);
    return new Map(
      live.map((row: { linkStateId: string; lsaSeqNumber: string }) => [row.linkStateId, row.lsaSeqNumber]),
    );
  }

  /** Looks every 50 ms whether the router's kernel has a route to the VIP. */
  watchRoute(address: string) {
    let [absent, back, last] = [0, performance.now(), performance.now()];
    let isThere = true;
    const timer = setInterval(() => {
      const now = performance.now();
      const was = isThere;
      isThere = execFileSync('ip', ['-n', this.r.netns, 'route', 'show', address], { encoding: 'utf8' }) !== '';
      if (!isThere) absent += now - last;
      if (isThere && !was) back = now;
      last = now;
    }, 50);
    return {
      presentFor: () => (isThere ? performance.now() - back : 0),
      end: () => {
        clearInterval(timer);
        return { absent: Math.round(absent), back };
      },
    };
  }

  /** How many vtysh run in the director's namespace. */
  vtyshProcesses(): number {
    const pids = execFileSync('ip', ['netns', 'pids', this.d.netns], { encoding: 'utf8' }).split('\n');
    return pids.filter((pid) => pid !== '' && commandOf(pid) === 'vtysh').length;
  }

  async end(): Promise<void> {
    this.drop();
    await this.d.remove();
    await this.r.remove();
  }
}

/** Empty when it has gone. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

export function vip(address: string, metric: number): AnnouncedPrefix {
  return { prefix: { address: ipv4(address), length: 32 }, metric, lsa: { kind: 'stub' } };
}

/** Real time, but no longer than `most`. */
export async function passing(ms: number, most = 3000): Promise<void> {
  await new Promise((resolve) => void setTimeout(resolve, Math.min(ms, most)));
}
