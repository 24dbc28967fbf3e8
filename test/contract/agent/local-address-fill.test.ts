/** How full the port blocks of a local address are, with real connections through the built agent. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ControlClient } from '../../../src/api/client.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { BLOCK_PORTS } from '../../../src/core/hash/port-blocks.ts';
import { ADDRESS_OF, Network, type Peer } from '../dataplane/netns.ts';
import { CLIENT, VIP } from '../dataplane/suite.ts';
import { AgentRun } from './namespace.ts';

const SLUICE = resolve('dist/src/bin/sluice.js');
const LIP = '10.8.0.1';
/** As many as one address has blocks: each director has one. */
const DIRECTORS = 63;
const FIRST_PORT = 40_000;
const SOON = { timeout: 20_000, interval: 100 };
const network = new Network(`lf${process.pid}`);
const dir = mkdtempSync(join(tmpdir(), 'sluice-fill-'));
const config = join(dir, 'cluster.yml');
const control = new ControlClient(join(dir, 'd1.sock'));
let client: Peer;
let lister: Peer;
let agent: AgentRun;

const handOf = (i: number) => `10.4.0.${i}`;

function director(i: number): string {
  return `  d${i}: { routerId: 10.255.0.${i}, interfaces: { up0: front, in0: back, hand: hand }, handOver: ${handOf(i)} }`;
}

const FILE = `cluster: test
directors:
${Array.from({ length: DIRECTORS }, (_, i) => director(i + 1)).join('\n')}
local: { shared: ${LIP}, handOver: hand }
routing:
  instances:
    outside: { area: 0, announce: [vip], interfaces: { up0: {} } }
    inside: { area: 0, announce: [local], interfaces: { in0: {} } }
services:
  web:
    vip: ${VIP}
    ports: 80
    forward: fullnat
    servers: { s1: ${ADDRESS_OF.s1} }
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
`;

beforeAll(async () => {
  await network.up();
  await network.routeVip(VIP, 'd1');
  await network.plug('d1', 'hand', handOf(1));
  // Connections that were reset leave their entries for a second, not for ten.
  await network.in('d1', ['sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_timeout_close=1']);
  client = network.start('cl', 'client-main');
  lister = network.start('d1', 'driver-main');
  await network.start('s1', 'server-main', 's1', '80').call('ready');
  writeFileSync(config, FILE);
  const words = ['agent', '--config', config, '--name', 'd1', '--run-dir', dir, '--state-dir', dir];
  agent = new AgentRun(spawn('ip', ['netns', 'exec', network.netns('d1'), process.execPath, SLUICE, ...words]));
});

afterAll(async () => {
  await agent?.stop('SIGKILL');
  await network.down();
  rmSync(dir, { recursive: true, force: true });
});

/** Of all connections with a client's port from `first` on. */
const keys = (first: number, count: number) => Array.from({ length: count }, (_, i) => String(first + i));

async function open(first: number, count: number): Promise<string[]> {
  const sport = FIRST_PORT + first;
  const wanted = { source: CLIENT, sport, vip: VIP, port: 80, timeout: 5000, keys: keys(first, count) };
  return client.call<string[]>('open', wanted);
}

async function told(): Promise<Readonly<Record<string, unknown>>[]> {
  const events = await control.get('/v1/events?since=0').catch(() => []);
  return events.flatMap(({ event, values }) => (event === 'local-address-fill' ? [values] : []));
}

async function isServing(): Promise<boolean> {
  const [service] = await control.get('/v1/services').catch(() => []);
  const [server] = await control.get('/v1/servers').catch(() => []);
  return service?.programmed === true && server?.state === 'up';
}

test('an address at 80 % of its own ports is told of while connections still succeed, and once more below 70 %', async () => {
  await expect.poll(isServing, SOON).toBe(true);
  const below = Math.floor(BLOCK_PORTS * 0.78);
  expect(new Set(await open(0, below))).toEqual(new Set(['s1']));
  const active = async () => (await control.get('/v1/servers'))[0]?.active;
  await expect.poll(active, SOON).toBe(below);
  expect(await told()).toEqual([]);

  const above = Math.ceil(BLOCK_PORTS * 0.82);
  expect(new Set(await open(below, above - below))).toEqual(new Set(['s1']));
  await expect.poll(told, SOON).toHaveLength(1);
  const [alarm] = await told();
  expect(alarm).toMatchObject({ address: LIP, state: 'filling' });
  expect(alarm!['percent']).toBeGreaterThanOrEqual(80);

  await client.call('close', { keys: keys(0, below) });
  const afterwards = async () => {
    // Entries whose time is over go when somebody lists them; else with the kernel's next round, up to a minute later.
    await lister.call('connections', { address: ipv4(LIP) });
    return told();
  };
  await expect.poll(afterwards, SOON).toHaveLength(2);
  const [, allClear] = await told();
  expect(allClear).toMatchObject({ address: LIP, state: 'cleared' });
  expect(allClear!['percent']).toBeLessThan(70);
});
