/** What a running lab looks like to scenarios, tests and the command line, whatever runtime has built it. */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { ControlClient } from '../../src/api/client.ts';
import type { LabRole } from './topology.ts';

export interface ExecOptions {
  readonly input?: string;
  /** Milliseconds after which the program is killed and the call rejects with a LabError; 30,000 unless told. */
  readonly deadline?: number;
}

export interface SpawnOptions {
  readonly stdio?: StdioOptions;
  /** With the host's own files instead of those of the node's root folder. */
  readonly onHost?: boolean;
}

export interface ExecResult {
  /** Exit code; 128 + signal number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LabNode {
  readonly name: string;
  readonly role: LabRole;
  /** False of a guest that has not been booted or whose power was cut: nothing can be learned of it. */
  readonly alive: boolean;
  /** Name of the network namespace. */
  readonly netns: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Runs a program in the node (inside its root folder, where it has one: `vtysh`, `birdc`) and waits for its end. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a program in the node. It ends with the lab at the latest. */
  spawn(argv: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Sets the node's end of a link up or down; the other end loses or gets its carrier. */
  link(name: string, state: 'up' | 'down'): Promise<void>;
}

/** How an agent is started, where it is not simply started. */
export interface AgentOptions {
  /** Programs such as `setpriv` with their arguments, each of which ends by executing the next. */
  readonly under?: readonly string[];
  /** Options of Node itself, e.g. `--import` of a file that does something to the process. */
  readonly nodeOptions?: readonly string[];
}

export interface Capture {
  /** Ends the capture; the file is complete when the promise resolves. */
  stop(): Promise<void>;
}

/** The FRR beside a director's agent, with the speaker `frr`. */
export interface DirectorFrr {
  /** SIGKILL of these daemons, all of them unless told; resolves when they are gone. */
  kill(daemons?: readonly string[]): Promise<void>;
  /** Starts what does not run, as at boot: the daemons, then the operator's configuration. Nobody tells the agent. */
  start(): Promise<void>;
  /** E.g. SIGSTOP to `ospfd`. */
  signal(daemon: string, signal: NodeJS.Signals): Promise<void>;
  /** A hash over the operator's lines of its configuration: before an agent spoke through it, and as they are, or last were. */
  operator(): Promise<{ readonly before: string; readonly after: string }>;
}

/** SIGUSR2: as `sluice restart`. */
export type StopSignal = 'SIGTERM' | 'SIGKILL' | 'SIGUSR2';

export interface Lab {
  readonly runId: string;
  /** What its directors are. */
  readonly runtime: RuntimeName;
  /** Folder of this run: per node `NODE.log` and `NODE/`; removed by `down`. */
  readonly dir: string;
  readonly nodes: ReadonlyMap<string, LabNode>;
  /** Throws a LabError with the names that there are when there is no such node. */
  node(name: string): LabNode;
  byRole(role: LabRole): readonly LabNode[];
  /** The cluster file that a director's agent reads: this run's own copy, free to be edited. */
  configFile(director: string): string;
  /** Writes it anew. The path that the file gives for the keys of connection sync becomes that of this run's own. */
  configure(director: string, text: string): Promise<void>;
  /** Starts the agent and waits until its control socket answers. */
  startDirector(name: string, options?: AgentOptions): Promise<void>;
  /** Sends the signal and waits until the process is gone (SIGTERM drains, which takes its time). */
  stopDirector(name: string, signal: StopSignal): Promise<void>;
  /**
   * As a power cut: a guest's emulator is killed, of a namespace the agent and its FRR; the other ends of its links lose their
   * carrier.
   * `startDirector` brings it back.
   */
  crash(director: string): Promise<void>;
  /** A guest stands still, its links up, until `thaw`. Throws a LabError where the director is no guest. */
  freeze(director: string): Promise<void>;
  thaw(director: string): Promise<void>;
  /** Process id of a director's agent, when it runs; of a guest's, that in the guest. */
  directorPid(name: string): number | undefined;
  api(director: string): ControlClient;
  /** Undefined where its agent speaks itself, and before it was first started. */
  frr(director: string): DirectorFrr | undefined;
  /** Records what passes an interface (or `any`) into a pcap file on the host; `filter` in tcpdump's words, all by default. */
  capture(node: string, iface: string, file: string, filter?: string): Promise<Capture>;
  /** Leaves the lab running when this process ends; `attach` finds it again. */
  keep(): Promise<void>;
  /** Ends every process, removes every namespace and the folder. Safe to call twice. */
  down(): Promise<void>;
}

/** `netns`: every node is a network namespace; `qemu`: directors are guests with a kernel of their own. */
export const RUNTIMES = ['netns', 'qemu'] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** What guests run: the kernel of Debian 12 or of Debian 13. */
export const KERNELS = ['6.1', '6.12'] as const;
export type KernelVersion = (typeof KERNELS)[number];

/** Of Debian 12 and of Debian 13. */
export type FrrRelease = '8.4' | '10.3';

/** Who announces on directors, and which FRR there is; undefined = as the topology has it. */
export interface SpeakerOptions {
  /** `frr`: every director has an FRR beside its agent, which announces through it. */
  readonly speaker?: 'ospf' | 'frr' | undefined;
  /** Of the directors; 10.3 unless told. */
  readonly frr?: FrrRelease | undefined;
  /** Of the routers that run FRR. */
  readonly router?: FrrRelease | undefined;
}

export interface UpOptions extends SpeakerOptions {
  readonly runtime?: RuntimeName | undefined;
  /** Of the guests of the runtime `qemu`; 6.1 unless told. */
  readonly kernel?: KernelVersion | undefined;
  /** Of each of these guests, MiB; 512 unless told. */
  readonly memory?: number;
  /** Directors whose agents are started; by default those without the label `sluice.start: "false"`. */
  readonly directors?: readonly string[];
  /** The cluster file of all directors, in place of the one that the topology binds. */
  readonly cluster?: string;
  /** Told what is being done, a line at a time. */
  readonly progress?: (text: string) => void;
}
