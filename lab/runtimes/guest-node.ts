/**
 * A node that is a guest. Its namespace on the host holds what stands between its cards and the links of the topology: per
 * link the veth's end, a tap, and a bridge of the two. Its emulator runs there too, so whoever empties the namespace has
 * ended it.
 *
 * It boots when it is configured, or, where it is only to be there when it is needed, with the first program that is run in
 * it. Its folder is the same on both sides.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import { rootPath } from '../roots/build.ts';
import { command } from '../roots/command.ts';
import type { BuiltNode, LinkFacts } from './built-node.ts';
import { cardAddress, Guest } from './guest.ts';
import type { GuestExecArguments } from './guest-exec-main.ts';
import type { Capture, ExecOptions, ExecResult, KernelVersion, SpawnOptions } from './lab.ts';
import { ipCommand } from './netns-node.ts';
import { logFile } from './node-log.ts';
import { linkEnds, networkBatch, otherCommands, runAll, setSysctls } from './node-setup.ts';
import { enterRoot, prepareFolders } from './root-folder.ts';
import type { ProcessIdentity } from './run-state.ts';
import type { Bind, LabRole, Topology, TopologyNode } from './topology.ts';
import { until } from './wait.ts';

/** The link on which the control API is reached; in the guest it is in a namespace of its own, where no agent sees it. */
const MANAGEMENT = { tap: 'tap-mgmt', card: 'mgmt', host: '169.254.77.1/30', guest: '169.254.77.2' } as const;
const API_PORT = 7700;
/** In the guest, as old as the process that was started last. */
const STARTED = '/run/sluice-guest/started';

export interface GuestNodePlace {
  readonly runId: string;
  /** The run's folder; host and guest have it at the same path. */
  readonly dir: string;
  readonly kernel: KernelVersion;
  /** MiB, where it is not the usual. */
  readonly memory: number | undefined;
  /** Whether it boots with the lab. */
  readonly eager: boolean;
  /** The emulator of an earlier boot, where another process made the lab. */
  readonly emulator: ProcessIdentity | undefined;
  /** Told of each boot. */
  readonly booted: (name: string, emulator: ProcessIdentity) => Promise<void>;
}

export class GuestNode implements BuiltNode {
  readonly name: string;
  readonly role: LabRole;
  readonly netns: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  readonly folder: string;
  /** A socket in a shared folder would not be one for both kernels. */
  readonly runDir = '/run/sluice';
  /** What V8 compiles the emulator has to translate again: interpreted, an agent takes half of the processor. */
  readonly nodeOptions = ['--jitless'];
  readonly #described: TopologyNode;
  readonly #topology: Topology;
  readonly #place: GuestNodePlace;
  readonly #root: string | undefined;
  #guest: Promise<Guest> | undefined;
  #dead = false;

  constructor(node: TopologyNode, topology: Topology, place: GuestNodePlace, root: string | undefined) {
    this.name = node.name;
    this.role = node.role;
    this.labels = node.labels;
    this.binds = node.binds;
    this.netns = `sl-${place.runId}-${node.name}`;
    this.folder = join(place.dir, node.name);
    this.#described = node;
    this.#topology = topology;
    this.#place = place;
    this.#root = root;
    if (place.emulator !== undefined)
      this.#guest = Promise.resolve(Guest.attach(node.name, this.#paths, place.emulator));
  }

  /** One that waits until it is needed is not asked what it does meanwhile. */
  get alive(): boolean {
    return this.#guest !== undefined && !this.#dead;
  }

  async prepare(): Promise<void> {
    await prepareFolders(this.folder, this.#root, this.binds);
  }

  async configure(): Promise<void> {
    await this.#wire();
    if (this.#place.eager) await this.#running();
  }

  /** Done when it has booted. */
  async runCommands(): Promise<void> {}

  /** From the file: nobody has to wait for a guest that is not there yet. */
  async linkFacts(iface: string): Promise<LinkFacts> {
    const first = (pattern: RegExp) =>
      this.#described.exec.map((line) => pattern.exec(line)?.[1]).find((found) => found);
    const address = first(new RegExp(`^ip address add ([\\d.]+)/\\d+ dev ${iface}$`));
    if (address === undefined) throw new LabError(`${this.name}: the file gives ${iface} no IPv4 address`);
    const index = linkEnds(this.#topology, this.name).findIndex((end) => end.interface === iface);
    const mac = first(new RegExp(`^ip link set ${iface} address (\\S+)$`)) ?? cardAddress(this.netns, tapOf(index));
    return { mac, address };
  }

  async powerOn(): Promise<void> {
    if (this.#dead) this.#guest = undefined;
    this.#dead = false;
    await this.#running();
  }

  async powerOff(): Promise<void> {
    this.#dead = true;
    await (await this.#guest)?.kill();
  }

  async freeze(): Promise<void> {
    await (await this.#running()).freeze();
  }

  async thaw(): Promise<void> {
    await (await this.#running()).thaw();
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return (await this.#running()).exec(this.#entered(argv, this.#root), options);
  }

  async execOnHost(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return (await this.#running()).exec(argv, options);
  }

  /** A process of the host that stands for it: what the program says comes when it has ended, and it has no input. */
  spawn(argv: readonly string[], { stdio = 'inherit', onHost = false }: SpawnOptions = {}): ChildProcess {
    const root = onHost ? undefined : this.#root;
    const program = join(projectRoot, 'dist/lab/runtimes/guest-exec-main.js');
    const words: GuestExecArguments = [this.#place.dir, this.name, ...this.#entered(argv, root)];
    return spawn(process.execPath, [program, ...words], { stdio });
  }

  async link(name: string, state: 'up' | 'down'): Promise<void> {
    // The other end sees the veth's; a guest without power has no opinion.
    await ipCommand(['-n', this.netns, 'link', 'set', 'dev', name, state]);
    if (this.#dead) return;
    await this.#must(['ip', 'link', 'set', 'dev', name, state]);
  }

  async daemon(argv: readonly string[]): Promise<number> {
    const script = ': >$1; log=$2; shift 2; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!';
    const words = ['sh', '-c', script, 'daemon', STARTED, logFile(this), ...this.#entered(argv, this.#root)];
    return Number(await this.#must(words));
  }

  async running(pid: number): Promise<boolean> {
    if (this.#dead) return false;
    const { stdout } = await this.execOnHost(['cat', `/proc/${pid}/stat`]);
    return stdout !== '' && !/\) Z /.test(stdout);
  }

  /** One shell waits in the guest, by what it has built in: a program for each look would take what the process needs to start. */
  async hasMade(pid: number, file: string, deadline: number): Promise<boolean> {
    const script =
      'until [ "$2" -nt "$3" ]; do [ -d /proc/$1 ] || exit 1; read -t 0.1 <>/run/sluice-guest/never; done; exit 0';
    const words = ['bash', '-c', script, 'made', String(pid), file, STARTED];
    return (await this.execOnHost(words, { deadline })).code === 0;
  }

  async signal(pid: number, signal: NodeJS.Signals): Promise<void> {
    await this.#must(['kill', '-s', signal.slice('SIG'.length), String(pid)]);
  }

  /** tcpdump writes into the shared folder; the file is copied to its place when the capture ends. */
  async capture(iface: string, file: string, tools: string, filter: string): Promise<Capture> {
    const draft = join(this.folder, `${iface}-${Date.now()}.pcap`);
    const tcpdump = ['tcpdump', '-i', iface, '-U', '--immediate-mode', '-Z', 'root', '-w', '-', filter];
    const script = 'file=$1; shift; setsid "$@" </dev/null >"$file" 2>"$file.log" & echo $!';
    const argv = ['unshare', '--mount', ...enterRoot(this, tools, [], tcpdump)];
    const pid = Number(await this.#must(['sh', '-c', script, 'capture', draft, ...argv]));
    const said = () => readFile(`${draft}.log`, 'utf8').catch(() => '');
    await until(`tcpdump on ${this.name} ${iface}`, 15_000, async () => {
      if (!(await this.running(pid))) throw new LabError(`tcpdump on ${this.name} ${iface}: ${await said()}`);
      return (await said()).includes('listening on');
    });
    return {
      stop: async () => {
        await this.signal(pid, 'SIGTERM');
        await until(`tcpdump on ${this.name} to end`, 10_000, async () => !(await this.running(pid)));
        await copyFile(draft, file);
        await rm(draft);
      },
    };
  }

  /** Lets another process attach. */
  async release(): Promise<void> {
    (await this.#guest)?.release();
  }

  get #paths() {
    return { folder: join(this.folder, 'guest'), shared: this.#place.dir };
  }

  #entered(argv: readonly string[], root: string | undefined): readonly string[] {
    return root === undefined ? argv : ['unshare', '--mount', ...enterRoot(this, root, this.binds, argv)];
  }

  #running(): Promise<Guest> {
    if (this.#dead) return Promise.reject(new LabError(`the power of ${this.name} has been cut`));
    this.#guest ??= this.#boot();
    return this.#guest;
  }

  async #boot(): Promise<Guest> {
    const { kernel, memory, booted } = this.#place;
    const links = linkEnds(this.#topology, this.name).map((end, index) => ({
      tap: tapOf(index),
      netns: this.netns,
      name: end.interface,
    }));
    const nics = [...links, { tap: MANAGEMENT.tap, netns: this.netns, name: MANAGEMENT.card }];
    const started = (emulator: ProcessIdentity) => booted(this.name, emulator);
    const machine = { name: this.name, kernel, nics, ...(memory === undefined ? {} : { memory }) };
    const guest = await Guest.boot({ ...machine, started, ...this.#paths }, async () => {});
    const exec = (argv: readonly string[], options: ExecOptions = {}) => guest.exec(argv, options);
    await setSysctls(this.name, this.#described.sysctls, exec);
    const input = networkBatch(this.#topology, this.#described);
    await runAll(this.name, [['ip', '-batch', '-']], (argv) => exec(argv, { input }));
    await runAll(this.name, otherCommands(this.#described), (argv) => exec(this.#entered(argv, this.#root)));
    if (this.role === 'director') await this.#forwardApi(guest);
    return guest;
  }

  /** Host side: a bridge of two ports per link. It learns nothing, since an address may come in at either port. */
  async #wire(): Promise<void> {
    const quiet = 'cd /proc/sys/net/ipv6/conf; for one in all default; do echo 1 > $one/disable_ipv6; done';
    await command(['ip', 'netns', 'exec', this.netns, 'sh', '-c', quiet]);
    const lines = linkEnds(this.#topology, this.name).flatMap((end, index) => [
      `tuntap add dev ${tapOf(index)} mode tap`,
      `link add name br${index} type bridge ageing_time 0 mcast_snooping 0`,
      `link set dev ${tapOf(index)} master br${index} up`,
      `link set dev ${end.interface} master br${index} up`,
      `link set dev br${index} up`,
    ]);
    const management = [
      `tuntap add dev ${MANAGEMENT.tap} mode tap`,
      `address add ${MANAGEMENT.host} dev ${MANAGEMENT.tap}`,
      `link set dev ${MANAGEMENT.tap} up`,
    ];
    await ipCommand(['-n', this.netns, '-batch', '-'], [...lines, ...management].join('\n'));
  }

  /** Unix sockets do not reach across kernels: on the host one stands for the agent's, and a TCP connection lies between. */
  async #forwardApi(guest: Guest): Promise<void> {
    const { card, guest: address } = MANAGEMENT;
    const inside = join(this.runDir, `${this.name}.sock`);
    const script = [
      'set -e',
      `mkdir -p ${this.runDir}`,
      `ip netns add ${card}; ip link set ${card} netns ${card}`,
      `ip -n ${card} address add ${address}/30 dev ${card}; ip -n ${card} link set ${card} up`,
      `setsid ip netns exec ${card} socat TCP-LISTEN:${API_PORT},fork,reuseaddr UNIX-CONNECT:${inside} >/dev/null 2>&1 &`,
    ];
    await runAll(this.name, [['sh', '-c', script.join('\n')]], (argv) => guest.exec(argv));
    const outside = join(this.folder, 'run', `${this.name}.sock`);
    if (existsSync(outside)) return;
    const tools = await rootPath('guest-tools');
    const library = join(tools, 'usr/lib/x86_64-linux-gnu');
    const loader = [
      join(tools, 'lib64/ld-linux-x86-64.so.2'),
      '--library-path',
      `${library}:${join(tools, 'lib/x86_64-linux-gnu')}`,
    ];
    const ways = [`UNIX-LISTEN:${outside},fork,unlink-early`, `TCP:${address}:${API_PORT},connect-timeout=2`];
    const log = openSync(join(this.folder, 'socat.log'), 'a');
    const argv = ['netns', 'exec', this.netns, ...loader, join(tools, 'usr/bin/socat'), ...ways];
    spawn('ip', argv, { stdio: ['ignore', log, log], detached: true }).unref();
    closeSync(log);
    await until(`the socket ${outside}`, 10_000, () => existsSync(outside));
  }

  async #must(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.execOnHost(argv);
    if (code !== 0) throw new LabError(`${this.name}: ${argv.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }
}

function tapOf(index: number): string {
  return `tap${index}`;
}
