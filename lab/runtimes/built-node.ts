import type { Capture, ExecOptions, ExecResult, LabNode } from './lab.ts';
import type { Bind } from './topology.ts';

export interface LinkFacts {
  readonly mac: string;
  /** The first IPv4 address, dotted. */
  readonly address: string;
}

/** A node as a runtime builds it; what daemons, agents and captures need beside what scenarios see. */
export interface BuiltNode extends LabNode {
  readonly binds: readonly Bind[];
  /** The node's own folder, at this path on the host and in the node; `run` in it is the `/run` of its root folder. */
  readonly folder: string;
  /** In the node: where an agent makes its control socket. */
  readonly runDir: string;
  /** Of the Node that runs an agent here. */
  readonly nodeOptions: readonly string[];
  /** Makes the node's folders and, in the root folder, places to mount the binds on. */
  prepare(): Promise<void>;
  /** Sysctls, links up and the `ip …` lines of the file, once all namespaces and links are there. */
  configure(): Promise<void>;
  /** The other lines of `exec`. */
  runCommands(): Promise<void>;
  /** Makes it able to run programs again after its power was cut. */
  powerOn(): Promise<void>;
  /** Of an interface that the file gives an address. Throws a LabError where it has none. */
  linkFacts(iface: string): Promise<LinkFacts>;
  /** SIGKILL of all that a guest is. Throws a LabError where the node is no guest. */
  powerOff(): Promise<void>;
  /** As `exec`, with the host's own files instead of the node's root folder. */
  execOnHost(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a program that outlives this process, its output appended to the node's log; its process id in the node. */
  daemon(argv: readonly string[]): Promise<number>;
  running(pid: number): Promise<boolean>;
  /** Waits until `file` is there that the process `pid`, started last by `daemon`, is to make; false when it has ended instead. */
  hasMade(pid: number, file: string, deadline: number): Promise<boolean>;
  signal(pid: number, signal: NodeJS.Signals): Promise<void>;
  /** Records what passes an interface into a file on the host; `tools`: root folder with tcpdump. */
  capture(iface: string, file: string, tools: string, filter: string): Promise<Capture>;
}
