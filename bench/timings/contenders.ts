/**
 * The directors that are timed: ours, one that runs FRR's ospfd, one that runs BIRD. Each starts and stops its routing
 * process, and announces and withdraws a second VIP in the way its operators do.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../lab/project.ts';
import { ipCommand } from '../../lab/runtimes/netns-node.ts';
import type { Lab, LabNode } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

export interface Contender {
  readonly name: 'sluice' | 'frr' | 'bird';
  readonly routerId: string;
  readonly firstVip: string;
  readonly secondVip: string;
  /** Starts the routing process; returns the instant at which it was told to. */
  start(): Promise<number>;
  /** The instant at which the second VIP was told to be announced or withdrawn. */
  second(present: boolean): Promise<number>;
  /** Ends the routing process in its orderly way. */
  stop(): Promise<void>;
  /** Of ours only: the instant of an event of the agent's log, since `since`. */
  event?(name: string, since: number): Promise<{ readonly at: number; readonly t: number }>;
}

export class Sluice implements Contender {
  readonly name = 'sluice';
  readonly routerId = '10.255.0.1';
  readonly firstVip = '203.0.113.10';
  readonly secondVip = '203.0.113.11';
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async start(): Promise<number> {
    await this.#useFile('one-vip.yml');
    const at = Date.now();
    await this.#lab.startDirector('d1');
    return at;
  }

  async second(present: boolean): Promise<number> {
    await this.#useFile(present ? 'two-vips.yml' : 'one-vip.yml');
    const at = Date.now();
    await this.#lab.api('d1').post('/v1/reload');
    return at;
  }

  stop(): Promise<void> {
    return this.#lab.stopDirector('d1', 'SIGTERM');
  }

  event(name: string, since: number): Promise<{ readonly at: number; readonly t: number }> {
    return until(`the event ${name}`, 5_000, async () => {
      const events = await this.#lab.api('d1').get('/v1/events');
      const found = events.find((event) => event.event === name && Date.parse(event.at) >= since);
      return found === undefined ? false : { at: Date.parse(found.at), t: found.t };
    });
  }

  #useFile(name: string): Promise<void> {
    return copyFile(join(projectRoot, 'lab/topologies/timings', name), this.#lab.configFile('d1'));
  }
}

/** FRR and BIRD alike: a daemon, and VIPs that are addresses on `lo`. */
export class Daemon implements Contender {
  readonly name: 'frr' | 'bird';
  readonly routerId: string;
  readonly firstVip: string;
  readonly secondVip: string;
  readonly #node: LabNode;
  readonly #argv: readonly string[];
  #process: ReturnType<LabNode['spawn']> | undefined;

  constructor(name: 'frr' | 'bird', node: LabNode) {
    const index = name === 'frr' ? 2 : 3;
    this.name = name;
    this.routerId = `10.255.0.${index}`;
    this.firstVip = `203.0.113.${index}0`;
    this.secondVip = `203.0.113.${index}1`;
    this.#node = node;
    this.#argv =
      name === 'frr'
        ? ['/usr/lib/frr/ospfd', '-A', '127.0.0.1', '-f', '/etc/frr/ospfd.conf']
        : ['/usr/sbin/bird', '-f', '-c', '/etc/bird/bird.conf'];
  }

  async start(): Promise<number> {
    const at = Date.now();
    this.#process = this.#node.spawn(this.#argv, { stdio: 'ignore' });
    return at;
  }

  async second(present: boolean): Promise<number> {
    const at = Date.now();
    const verb = present ? 'add' : 'del';
    await ipCommand(['-n', this.#node.netns, 'address', verb, `${this.secondVip}/32`, 'dev', 'lo']);
    return at;
  }

  async stop(): Promise<void> {
    const running = this.#process;
    if (running === undefined) return;
    this.#process = undefined;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGTERM');
    await ended;
  }
}
