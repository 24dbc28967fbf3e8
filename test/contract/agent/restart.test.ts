/** Two agents on one wire, each in a namespace of its own: one is killed and started again within the dead interval. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AgentRun, Namespace } from './namespace.ts';

let left: Namespace;
let right: Namespace;

beforeEach(() => {
  left = new Namespace();
  right = new Namespace();
  left.addLink('eth1', '10.1.1.1/30');
  left.ip('link', 'set', 'eth1-peer', 'netns', right.name, 'name', 'eth1');
  right.ip('address', 'add', '10.1.1.2/30', 'dev', 'eth1');
  right.ip('link', 'set', 'eth1', 'up');
  for (const namespace of [left, right]) namespace.ip('address', 'add', '10.9.0.1/32', 'dev', 'lo');
  left.listen(80);
});

afterEach(async () => {
  await left.remove();
  await right.remove();
});

/** A slow check: an agent that starts afresh has no verdict for two seconds and more. */
function clusterFile(): string {
  const path = join(left.dir, 'cluster.yml');
  writeFileSync(
    path,
    `cluster: test
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } }
  d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 } }
lifecycle: { holdUp: 1s, drain: 2s }
routing:
  speaker: ospf
  instances:
    outside:
      area: 0.0.0.0
      announce: [vip]
      interfaces: { up0: { network: point-to-point, hello: 1s, dead: 8s } }
dataplane: nftables
services:
  web:
    vip: [203.0.113.10]
    ports: [80]
    protocol: tcp
    forward: nat
    servers: { s1: 10.9.0.1 }
    health: { interval: 2s, timeout: 1s, rise: 2, fall: 3 }
    announce: { min: 1, metric: 10 }
`,
  );
  return path;
}

const stateFile = () => join(left.dir, 'd1', 'last-life.json');

/** Both agents run, are Full with each other, and the left one serves. */
async function serving(): Promise<{ config: string; run: AgentRun }> {
  const config = clusterFile();
  const run = left.agent(config, 'd1');
  right.agent(config, 'd2');
  await left.event('vip-announced');
  await right.event('neighbor-changed', ({ values }) => values['to'] === 'full', right.client('d2'));
  await left.event('neighbor-changed', ({ values }) => values['to'] === 'full');
  return { config, run };
}

test('after kill -9 the neighbor never sees the agent one-way, and the last verdicts count at once', async () => {
  const { config, run } = await serving();
  const { seq } = (await right.client('d2').get('/v1/events')).at(-1)!;
  await run.stop('SIGKILL');
  const again = left.agent(config, 'd1');
  const found = await left.event('last-life-found');
  expect(found.values).toMatchObject({ full: 1, verdicts: 1 });
  await left.event('neighbor-changed', ({ values }) => values['to'] === 'full');
  // Two checks of this file take two seconds at least.
  expect((await left.event('vip-announced')).t).toBeLessThan(2000);
  const back = ({ seq: at }: { seq: number }) => at > seq;
  await right.event('neighbor-changed', (event) => back(event) && event.values['to'] === 'full', right.client('d2'));
  const seen = (await right.client('d2').get('/v1/events')).filter(back);
  const states = seen.flatMap(({ event, values }) => (event === 'neighbor-changed' ? [values['to']] : []));
  expect(states[0]).toBe('exStart');
  expect(states).not.toContain('init');
  expect(states).not.toContain('down');
  expect(again.child.exitCode).toBeNull();
});

test('an agent that hands over and the next one: the neighbor helps, and renews the adjacency', async () => {
  const { config, run } = await serving();
  const { seq } = (await right.client('d2').get('/v1/events')).at(-1)!;
  const { code } = await run.stop('SIGUSR2');
  expect(code).toBe(0);
  expect(readFileSync(stateFile(), 'utf8')).toContain('"graceUntil"');
  const helped = await right.event('neighbor-helped', undefined, right.client('d2'));
  expect(helped.values).toMatchObject({ routerId: '10.255.0.1', reason: 'restart' });
  left.agent(config, 'd1');
  expect((await left.event('restart-begun')).values['detail']).toContain('planned');
  expect((await left.event('restart-ended')).values['detail']).toBe('all adjacencies are full again');
  const ended = await right.event('neighbor-help-ended', undefined, right.client('d2'));
  expect(ended.values['reason']).toBe('the adjacency is full again');
  const states = (await right.client('d2').get('/v1/events'))
    .filter((event) => event.seq > seq && event.event === 'neighbor-changed')
    .map(({ values }) => values['to']);
  // Renewed, never lost.
  expect(states[0]).toBe('exStart');
  expect(states.at(-1)).toBe('full');
  expect(states).not.toContain('init');
  expect(states).not.toContain('down');
});

test('what is left of an earlier agent is rubbish: told once, and the agent serves', async () => {
  const { config, run } = await serving();
  await run.stop('SIGKILL');
  writeFileSync(stateFile(), readFileSync(stateFile()).subarray(0, 40));
  left.agent(config, 'd1');
  await left.event('vip-announced');
  const events = await left.client().get('/v1/events');
  const faults = events.filter(({ event }) => event === 'state-file-fault');
  expect(faults.map(({ values }) => values)).toEqual([
    { message: 'what an earlier agent has left is ignored: not JSON' },
  ]);
});

test('an orderly stop leaves nothing for the next agent', async () => {
  const { run } = await serving();
  expect(readFileSync(stateFile(), 'utf8')).toContain('"10.255.0.2"');
  const { code } = await run.stop('SIGTERM');
  expect(code).toBe(0);
  expect(() => readFileSync(stateFile())).toThrow('ENOENT');
});
