/**
 * The directors that are timed: ours, one that runs FRR's ospfd, one that runs BIRD. Each starts and ends its routing
 * process, and announces and withdraws VIPs in the way its operators do.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab, LabNode } from '../../lab/runtimes/lab.ts';
import { ipCommand } from '../../lab/runtimes/netns-node.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { BIRD, ospfd } from '../frr-director.ts';
import { clusterFile, ospfdFile } from './files.ts';
import type { ContenderName, Medium, Stand, Timers } from './plan.ts';

export interface Contender {
  readonly name: ContenderName;
  readonly stand: Stand;
  /** Starts the routing process, which announces the first VIP; returns the instant at which it was told to. */
  start(timers?: Timers): Promise<number>;
  /** Has these VIPs announced and no others; returns the instant of the command. */
  announce(vips: readonly string[]): Promise<number>;
  /** SIGKILL; returns the instant. */
  kill(): Promise<number>;
  /** Ends the routing process in its orderly way. */
  stop(): Promise<void>;
}

export class Sluice implements Contender {
  readonly name: ContenderName;
  readonly stand: Stand;
  readonly #lab: Lab;
  readonly #medium: Medium;

  constructor(lab: Lab, stand: Stand, medium: Medium) {
    this.name = stand.contender;
    this.#lab = lab;
    this.stand = stand;
    this.#medium = medium;
  }

  async start(timers: Timers = 'normal'): Promise<number> {
    await this.#write([this.stand.vips[0]], [], timers);
    return this.restart();
  }

  /** With the file as it is. */
  async restart(): Promise<number> {
    const at = Date.now();
    await this.#lab.startDirector('d1');
    return at;
  }

  async announce(stubs: readonly string[], externals: readonly string[] = []): Promise<number> {
    await this.#write(stubs, externals, 'normal');
    const at = Date.now();
    await this.#lab.api('d1').post('/v1/reload');
    return at;
  }

  async kill(): Promise<number> {
    const at = Date.now();
    await this.#lab.stopDirector('d1', 'SIGKILL');
    return at;
  }

  /** The agent asks the router for grace and ends, so that the next one can go on; returns the instant. */
  async leaveGracefully(): Promise<number> {
    const at = Date.now();
    await this.#lab.stopDirector('d1', 'SIGUSR2');
    return at;
  }

  /** As on a host whose state folder is gone. */
  async forget(): Promise<void> {
    await rm(join(this.#lab.dir, 'd1/state'), { recursive: true, force: true });
  }

  stop(): Promise<void> {
    return this.#lab.stopDirector('d1', 'SIGTERM');
  }

  /** The instant of the first event of this name, about this VIP if one is given, since `since`. */
  event(name: string, since: number, vip?: string): Promise<number> {
    return until(`the event ${name}`, 5_000, async () => {
      const events = await this.#lab.api('d1').get('/v1/events');
      const found = events.find(
        (event) =>
          event.event === name && Date.parse(event.at) >= since && (vip === undefined || event.values['vip'] === vip),
      );
      return found === undefined ? false : Date.parse(found.at);
    });
  }

  #write(stubs: readonly string[], externals: readonly string[], timers: Timers): Promise<void> {
    return this.#lab.configure('d1', clusterFile(this.stand, this.#medium, { stubs, externals, timers }));
  }
}

/** FRR and BIRD alike: a daemon, and VIPs that are addresses on `lo`. */
export class Daemon implements Contender {
  readonly name: 'frr' | 'bird';
  readonly stand: Stand;
  readonly #node: LabNode;
  #process: ReturnType<LabNode['spawn']> | undefined;
  #vips: readonly string[];

  constructor(name: 'frr' | 'bird', node: LabNode, stand: Stand) {
    this.name = name;
    this.stand = stand;
    this.#node = node;
    this.#vips = [stand.vips[0]];
  }

  async start(timers: Timers = 'normal'): Promise<number> {
    await this.announce([this.stand.vips[0]]);
    const argv = this.name === 'frr' ? ospfd(ospfdFile(timers)) : BIRD;
    const at = Date.now();
    this.#process = this.#node.spawn(argv, { stdio: 'ignore' });
    return at;
  }

  async announce(vips: readonly string[]): Promise<number> {
    const at = Date.now();
    const change = (verb: 'add' | 'del', vip: string) =>
      ipCommand(['-n', this.#node.netns, 'address', verb, `${vip}/32`, 'dev', 'lo']);
    for (const vip of this.#vips) if (!vips.includes(vip)) await change('del', vip);
    for (const vip of vips) if (!this.#vips.includes(vip)) await change('add', vip);
    this.#vips = vips;
    return at;
  }

  kill(): Promise<number> {
    return this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** The program became the process that was spawned: every step to it is an exec. */
  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const at = Date.now();
    const running = this.#process;
    if (running === undefined) return at;
    this.#process = undefined;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await ended;
    return at;
  }
}
