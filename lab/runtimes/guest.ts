/**
 * A guest: a small virtual machine on a Debian kernel, for what the host's own kernel lacks (IPVS, tunnels).
 *
 * In:  the version of the kernel, and the taps that become its network devices.
 * Out: programs run in it as if it were this machine: its root folder is a private copy of the host's, so the checkout and
 *      Node are there; one folder is shared, at the same path on both sides.
 * Not: it is always emulated, never accelerated: a /dev/kvm may be there and not work, and figures from two kinds of
 *      guests do not compare. Speed is not what guests are for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab-error.ts';
import { ensureRoots, rootPath } from '../roots/build.ts';
import type { RootName } from '../roots/specs.ts';
import { takeDownAtExit } from './exit.ts';
import {
  CHANNELS,
  consoleFile,
  emulator,
  type GuestBoot,
  guestInitramfs,
  initramfsFile,
  monitorSocket,
} from './guest-boot.ts';
import { GuestChannels } from './guest-channel.ts';
import { monitorCommand } from './guest-monitor.ts';
import type { ExecOptions, ExecResult, KernelVersion } from './lab.ts';
import { ipCommand } from './netns-node.ts';
import { type ProcessIdentity, processStart, type RunState, runFolder, thisProcess, writeState } from './run-state.ts';
import { removeLeftovers, takeDown } from './teardown.ts';
import { until } from './wait.ts';

export interface GuestOptions {
  readonly name: string;
  readonly kernel: KernelVersion;
  /** All in one namespace. A tap that is not there is made; it is the caller's to make it a bridge's port. */
  readonly nics?: readonly GuestNicOptions[];
  /** MiB, 512 unless told. */
  readonly memory?: number;
}

export interface GuestNicOptions {
  readonly tap: string;
  readonly netns: string;
  /** In the guest; `eth0`, `eth1`, … by their order unless told. */
  readonly name?: string;
  readonly mac?: string;
}

const MEMORY = 512;
const BOOTS_WITHIN = 60_000;
const KNOWN_WITHIN = 1000;

/** Roots without which there is no guest. */
export function guestRoots(kernel: KernelVersion): readonly RootName[] {
  return ['qemu', 'guest-tools', `kernel-${kernel}`];
}

/**
 * Boots a guest of its own, outside any lab, and waits until it takes commands. It ends with this process at the latest.
 * Throws a LabError with the end of its console when it does not come up.
 */
export async function startGuest(options: GuestOptions): Promise<Guest> {
  await removeLeftovers(() => {});
  await ensureRoots(guestRoots(options.kernel), () => {});
  const runId = randomBytes(3).toString('hex');
  const dir = runFolder(runId);
  let state: RunState = {
    runId,
    topology: `guest ${options.name}`,
    owner: thisProcess(),
    namespaces: [],
    directors: {},
  };
  const forgetExit = takeDownAtExit(() => takeDown(state));
  await writeState(state);
  try {
    const started = async (emulator: ProcessIdentity) => {
      state = { ...state, guests: { [options.name]: emulator } };
      await writeState(state);
    };
    return await Guest.boot({ ...options, folder: join(dir, options.name), shared: dir, started }, async () => {
      forgetExit();
      takeDown(state);
    });
  } catch (cause) {
    forgetExit();
    takeDown(state);
    throw cause;
  }
}

export interface GuestPlace extends GuestOptions {
  /** For its sockets and console; below `shared`. */
  readonly folder: string;
  /** What host and guest both have, at this path. */
  readonly shared: string;
  /** Told the emulator's process as soon as there is one. */
  readonly started: (emulator: ProcessIdentity) => Promise<void>;
}

export class Guest {
  readonly name: string;
  /** On the host and in the guest; files that one writes the other reads. */
  readonly shared: string;
  readonly #folder: string;
  readonly #emulator: ProcessIdentity;
  readonly #channels: GuestChannels;
  readonly #remove: () => Promise<void>;
  #commands = 0;

  private constructor(
    name: string,
    place: Pick<GuestPlace, 'folder' | 'shared'>,
    emulator: ProcessIdentity,
    channels: GuestChannels,
    remove: () => Promise<void>,
  ) {
    this.name = name;
    this.shared = place.shared;
    this.#folder = place.folder;
    this.#emulator = emulator;
    this.#channels = channels;
    this.#remove = remove;
  }

  /** `remove`: what is left to do once the emulator has ended. Throws a LabError. */
  static async boot(place: GuestPlace, remove: () => Promise<void>): Promise<Guest> {
    const { name, folder, nics = [] } = place;
    await mkdir(join(place.shared, EXEC_FOLDER), { recursive: true });
    await mkdir(folder, { recursive: true });
    const netns = oneNamespace(nics);
    for (const { tap } of nics) await makeTap(netns!, tap);
    const boot = await bootOf(place);
    await writeFile(initramfsFile(folder), await guestInitramfs(boot));
    const child = await startEmulator(boot, netns);
    const identity = { pid: child.pid!, started: processStart(child.pid!) ?? '' };
    await place.started(identity);
    // The last one is for those who attach.
    const indexes = Array.from({ length: CHANNELS - 1 }, (_, index) => index);
    const guest = new Guest(name, place, identity, new GuestChannels(folder, indexes), remove);
    await guest.#answers(child);
    return guest;
  }

  /** One that another process has booted. */
  static attach(name: string, place: Pick<GuestPlace, 'folder' | 'shared'>, emulator: ProcessIdentity): Guest {
    const channels = new GuestChannels(place.folder, [CHANNELS - 1]);
    return new Guest(name, place, emulator, channels, async () => {});
  }

  /** Process id of the emulator. */
  get pid(): number {
    return this.#emulator.pid;
  }

  get alive(): boolean {
    return processStart(this.#emulator.pid) === this.#emulator.started;
  }

  /** Runs a program in the guest, in its folder `/`, and waits for its end. Throws a LabError when the guest ends first. */
  async exec(argv: readonly string[], { input, deadline = 30_000 }: ExecOptions = {}): Promise<ExecResult> {
    const id = `${process.pid}-${this.#commands++}`;
    const file = join(this.shared, EXEC_FOLDER, `${this.name}-${id}`);
    if (input !== undefined) await writeFile(`${file}.in`, input);
    const from = input === undefined ? '/dev/null' : `${file}.in`;
    const script = `exec ${argv.map(quoted).join(' ')} <${from} >${file}.out 2>${file}.err`;
    const what = `${this.name}: ${argv.join(' ')}`;
    try {
      const code = await this.#within(deadline, id, script, what);
      const [stdout, stderr] = await Promise.all(['out', 'err'].map((end) => readFile(`${file}.${end}`, 'utf8')));
      return { code, stdout: stdout!, stderr: stderr! };
    } finally {
      await Promise.all(['in', 'out', 'err'].map((end) => rm(`${file}.${end}`, { force: true })));
    }
  }

  /** As a power cut: SIGKILL of the emulator. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.alive) process.kill(this.#emulator.pid, 'SIGKILL');
    await until(`the emulator of ${this.name} to end`, 10_000, () => !this.alive);
  }

  /** Stops its processor and its devices; nothing in it runs and no packet passes until `thaw`. */
  async freeze(): Promise<void> {
    await monitorCommand(monitorSocket(this.#folder), 'stop');
  }

  async thaw(): Promise<void> {
    await monitorCommand(monitorSocket(this.#folder), 'cont');
  }

  /** Gives a network device carrier or takes it away; `index` is its place among those that the guest was started with. */
  async carrier(index: number, up: boolean): Promise<void> {
    await monitorCommand(monitorSocket(this.#folder), 'set_link', { name: `nic${index}`, up });
  }

  /** Lets go of it without ending it: another process may then attach. */
  release(): void {
    this.#channels.close();
  }

  /** Ends it and removes what was made for it. Safe to call twice. */
  async down(): Promise<void> {
    await this.kill();
    this.#channels.close();
    await this.#remove();
  }

  /** A guest that is frozen does not answer either: the deadline is this side's. */
  #within(deadline: number, id: string, script: string, what: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        // Over another channel: this one is busy. Its whole process group, since a shell may have started more.
        const kill = `kill -9 -- -$(cat /run/sluice-guest/${id}.pid)`;
        this.#channels.run(`${id}-kill`, kill).catch(() => undefined);
        reject(new LabError(`${what} did not end within ${deadline / 1000} s`));
      }, deadline);
      const ended = this.#channels.run(id, script).finally(() => clearTimeout(timer));
      ended.then(resolve, (cause: Error) => reject(new LabError(`${what}: ${cause.message}`, { cause })));
    });
  }

  async #answers(child: ChildProcess): Promise<void> {
    const ended = new Promise<never>((_, reject) => {
      child.on('exit', (code, signal) => reject(new LabError(`its emulator ended with ${signal ?? code}`)));
      child.on('error', reject);
    });
    ended.catch(() => undefined);
    const answered = this.exec(['true'], { deadline: BOOTS_WITHIN }).catch(async (cause: Error) => {
      // A channel closes before it is known how the emulator ended, which says more.
      await Promise.race([ended, sleep(KNOWN_WITHIN)]);
      throw cause;
    });
    await Promise.race([answered, ended]).catch(async (cause: Error) => {
      const said = await Promise.all([consoleFile(this.#folder), errorFile(this.#folder)].map(tail));
      throw new LabError(`guest ${this.name} does not come up: ${cause.message}\n${said.join('\n')}`.trim(), { cause });
    });
    child.removeAllListeners();
  }
}

/** Below the shared folder: what commands read and write. */
const EXEC_FOLDER = 'exec';

function errorFile(folder: string): string {
  return join(folder, 'emulator.log');
}

async function tail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-15).join('\n');
}

async function bootOf({ name, kernel, folder, shared, nics = [], memory = MEMORY }: GuestPlace): Promise<GuestBoot> {
  const [qemu, tools, linux] = await Promise.all(guestRoots(kernel).map(rootPath));
  return {
    name,
    folder,
    shared,
    memory,
    roots: { qemu: qemu!, tools: tools!, kernel: linux! },
    nics: nics.map((nic, index) => ({
      tap: nic.tap,
      name: nic.name ?? `eth${index}`,
      mac: nic.mac ?? cardAddress(nic.netns, nic.tap),
    })),
  };
}

/** A card's address: the same for the same tap, and another one for any other, since guests may share a segment. */
export function cardAddress(netns: string, tap: string): string {
  const bytes = createHash('sha256').update(`${netns} ${tap}`).digest().subarray(0, 5);
  return ['02', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

function oneNamespace(nics: readonly GuestNicOptions[]): string | undefined {
  const names = [...new Set(nics.map(({ netns }) => netns))];
  if (names.length > 1) throw new LabError(`the taps of a guest are in one namespace, not in ${names.join(', ')}`);
  return names[0];
}

async function makeTap(netns: string, tap: string): Promise<void> {
  const there = await ipCommand(['-n', netns, 'link', 'show', 'dev', tap]).then(
    () => true,
    () => false,
  );
  if (!there) await ipCommand(['-n', netns, 'tuntap', 'add', 'dev', tap, 'mode', 'tap']);
  await ipCommand(['-n', netns, 'link', 'set', 'dev', tap, 'up']);
}

/** It is not this process's child group: a Ctrl-C at the terminal is for those who take the lab down in order. */
async function startEmulator(boot: GuestBoot, netns: string | undefined): Promise<ChildProcess> {
  const { argv, env } = await emulator(boot);
  const [program, ...args] = netns === undefined ? argv : ['ip', 'netns', 'exec', netns, ...argv];
  const log = openSync(errorFile(boot.folder), 'w');
  const child = spawn(program!, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  if (child.pid === undefined) throw new LabError(`cannot start the emulator of guest ${boot.name}`);
  return child;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
