/**
 * An agent in a guest, the only director of its file (`dataplane: auto`), and what it promises of the kernel's IPVS when it is killed.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { until } from '../../../lab/runtimes/wait.ts';
import type { EventDocument, StatusDocument } from '../../../src/api/documents.ts';
import type { GuestBench } from './guest-bench.ts';
import { freshPorts, VIP } from './suite.ts';

const CLUSTER = `cluster: guest
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: front } } }
routing:
  instances:
    outside:
      area: 0
      announce: [vip]
      interfaces: { up0: { network: point-to-point, hello: 1s, dead: 4s } }
services:
  web:
    vip: ${VIP}
    ports: 80
    forward: nat
    servers: { s1: 10.2.0.21, s2: 10.2.0.22, s3: { address: 10.2.0.23, weight: 2 } }
    health: { tcp: {}, interval: 1s, rise: 1 }
`;

const SLUICE = [process.execPath, join(projectRoot, 'dist/bundle/bin/sluice.js')];

export class GuestAgent {
  readonly bench: GuestBench;
  #pid = '';

  constructor(bench: GuestBench) {
    this.bench = bench;
  }

  async start(): Promise<void> {
    const { bench } = this;
    const config = join(bench.guest().shared, 'cluster.yml');
    writeFileSync(config, CLUSTER);
    const folders = ['--run-dir', '/run/sluice', '--state-dir', '/run/state'];
    const argv = [...SLUICE, 'agent', '--config', config, '--name', 'd1', ...folders];
    const run = `setsid ${argv.join(' ')} >>/run/agent.log 2>&1 </dev/null & echo $!`;
    this.#pid = (await bench.said(['sh', '-c', run])).trim();
    const alive = `kill -0 ${this.#pid} || { cat /run/agent.log >&2; exit 1; }`;
    await bench.said(['bash', '-c', `until [ -S /run/sluice/d1.sock ]; do ${alive}; sleep 0.1; done`]);
  }

  async kill(): Promise<void> {
    await this.bench.said(['kill', '-9', this.#pid]);
  }

  async sluice(...argv: readonly string[]): Promise<string> {
    return this.bench.said([...SLUICE, ...argv, '--run-dir', '/run/sluice', '--name', 'd1', '--json']);
  }

  async status(): Promise<StatusDocument> {
    return JSON.parse(await this.sluice('status')) as StatusDocument;
  }

  async eventsOf(name: string): Promise<readonly EventDocument[]> {
    const lines = (await this.sluice('events')).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as EventDocument).filter(({ event }) => event === name);
  }

  /** The lines of `ipvsadm -S` about our service. */
  async service(): Promise<readonly string[]> {
    return (await this.bench.listing()).filter((line) => line.includes(VIP));
  }

  async untilServing(): Promise<void> {
    const servers = async () => (await this.service()).filter((line) => / -w [12]$/.test(line)).length;
    await until('IPVS to have three servers', 60_000, async () => (await servers()) === 3);
  }
}

/** To be called among the tests of a file. */
export function survivesKill(agent: GuestAgent): void {
  test('killed and started again: no connection is broken, no entry rewritten', { timeout: 240_000 }, async () => {
    const { bench } = agent;
    const sport = freshPorts(200);
    const before = await bench.connect(sport, 200);
    const listing = await bench.listing();
    await agent.kill();
    expect(await bench.ask(sport, 200)).toEqual(before);
    await bench.said(['rm', '-f', '/run/sluice/d1.sock']);
    await agent.start();
    const programmed = async () => (await agent.status()).dataplane.programmed;
    await expect.poll(programmed, { timeout: 60_000 }).toEqual(['web']);
    expect(await bench.ask(sport, 200)).toEqual(before);
    expect(await bench.listing()).toEqual(listing);
    const written = await agent.eventsOf('dataplane-programmed');
    const operations = written.flatMap(({ values }) => values['operations'] as string[]);
    expect(operations.filter((line) => line.startsWith('ipvs '))).toEqual([]);
  });
}
