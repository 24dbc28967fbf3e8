/** The built agent as a process in a namespace of its own: what it refuses, what it survives, what it leaves behind. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Namespace } from './namespace.ts';

let namespace: Namespace;

beforeEach(() => {
  namespace = new Namespace();
  namespace.ip('address', 'add', '10.9.0.1/32', 'dev', 'lo');
  namespace.ip('address', 'add', '10.9.0.2/32', 'dev', 'lo');
  namespace.listen(80);
});

afterEach(async () => {
  await namespace.remove();
});

interface ClusterChoices {
  readonly interface?: string;
  readonly hello?: string;
  readonly servers?: string;
  readonly extra?: string;
  readonly holdLink?: boolean;
}

/** A cluster of one director whose real servers are addresses of the namespace itself. */
function clusterFile(choices: ClusterChoices = {}) {
  const { interface: name = 'eth1', hello = '1s', servers = '{ s1: 10.9.0.1 }', extra = '' } = choices;
  const hold = choices.holdLink === true ? ', holdLink: true' : '';
  const path = join(namespace.dir, 'cluster.yml');
  writeFileSync(
    path,
    `cluster: test
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: ${name} } }
lifecycle: { holdUp: 1s, drain: 2s }
routing:
  speaker: ospf
  instances:
    outside:
      area: 0.0.0.0
      announce: [vip]
      interfaces: { up0: { network: point-to-point, hello: ${hello}, dead: 4s${hold} } }
dataplane: nftables
services:
  web:
    vip: [203.0.113.10]
    ports: [80]
    protocol: tcp
    forward: nat
    scheduler: mh
    servers: ${servers}
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
    announce: { min: 1, metric: 10, lsa: stub }
${extra}`,
  );
  return path;
}

test('a missing interface is named; when it appears, the speaker says Hello on it', async () => {
  namespace.agent(clusterFile());
  const fault = await namespace.event('speaker-fault');
  expect(fault.values['message']).toBe('interface eth1 does not exist; waiting for it to appear');
  namespace.addLink('eth1', '10.1.1.2/24');
  const hello = await namespace.event('hello-sent');
  expect(hello.values).toMatchObject({ instance: 'outside', interface: 'eth1' });
});

test('an interface that loses carrier or address, and gets another, is followed', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  namespace.agent(clusterFile());
  await namespace.event('hello-sent');
  const address = async () => (await namespace.client().get('/v1/interfaces'))[0]?.address;
  let seen = 0;
  const change = async (to: string) => {
    const event = await namespace.event('interface-changed', ({ seq, values }) => seq > seen && values['to'] === to);
    seen = event.seq;
  };
  await change('pointToPoint');
  namespace.ip('link', 'set', 'eth1-peer', 'down');
  await change('down');
  namespace.ip('link', 'set', 'eth1-peer', 'up');
  await change('pointToPoint');
  namespace.ip('address', 'del', '10.1.1.2/24', 'dev', 'eth1');
  await change('down');
  // A Hello on its way just then is a fault of its own.
  await namespace.event('speaker-fault', ({ values }) => `${values['message']}`.includes('eth1 has no IPv4 address'));
  namespace.ip('address', 'add', '10.1.1.9/24', 'dev', 'eth1');
  await change('pointToPoint');
  expect(await address()).toBe('10.1.1.9');
});

test('another agent of the same name, in another namespace but on the same socket, is refused', async () => {
  namespace.agent(clusterFile());
  await namespace.event('agent-started');
  const other = new Namespace();
  try {
    const run = other.sluice(
      ...['agent', '--config', clusterFile(), '--name', 'd1', '--run-dir', namespace.dir, '--state-dir', other.dir],
    );
    const { code, stderr } = await run.ended;
    expect(code).toBe(1);
    expect(stderr).toContain(`another agent answers on ${namespace.dir}/d1.sock`);
  } finally {
    await other.remove();
  }
});

test('a second agent in the same namespace is refused and told who is there', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  const first = namespace.agent(clusterFile());
  await namespace.event('agent-started');
  const { code, stderr } = await namespace.agent(clusterFile()).ended;
  expect(code).toBe(1);
  expect(stderr).toContain(`an agent already runs in this network namespace: d1, pid ${first.child.pid}`);
  expect((await namespace.client().get('/v1/status')).pid).toBe(first.child.pid);
});

test('the CLI finds the agent of its namespace by itself', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  namespace.agent(clusterFile());
  await namespace.event('agent-started');
  const { code, stdout } = await namespace.sluice('status', '--json').ended;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ cluster: 'test', director: 'd1', routerId: '10.255.0.1' });
});

test('without an agent the CLI says so with exit code 3', async () => {
  const { code, stderr } = await namespace.sluice('status', '--name', 'd1', '--run-dir', namespace.dir).ended;
  expect(code).toBe(3);
  expect(stderr).toContain(`no agent answers on ${namespace.dir}/d1.sock (ENOENT`);
});

test('a bad file ends the start with every fault and exit code 1', async () => {
  const path = clusterFile({ servers: '{ s1: 10.9.0.256 }', extra: 'colour: blue\n' });
  const { code, stderr } = await namespace.agent(path).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/cluster\.yml:20:\d+: services\.web\.servers\.s1/);
  expect(stderr).toMatch(/cluster\.yml:23:1: colour/);
});

test('a director that the file does not know ends the start and lists those that it knows', async () => {
  const { code, stderr } = await namespace.agent(clusterFile(), 'd9').ended;
  expect(code).toBe(1);
  expect(stderr).toContain('there is no director d9; there are: d1');
});

test('a bad file at SIGHUP changes nothing and is shown; a good one then applies only its difference', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  const run = namespace.agent(clusterFile());
  await namespace.event('vip-announced');
  const before = await namespace.client().get('/v1/status');
  clusterFile({ extra: 'colour: blue\n' });
  run.child.kill('SIGHUP');
  await namespace.event('config-refused');
  const after = await namespace.client().get('/v1/status');
  expect(after.config.stale).toContain('1 fault');
  expect(after.config.hash).toBe(before.config.hash);
  expect(after.vips).toEqual(before.vips);
  clusterFile({ servers: '{ s1: 10.9.0.1, s2: 10.9.0.2 }' });
  run.child.kill('SIGHUP');
  const applied = await namespace.event('config-applied');
  expect(applied.values['changes']).toEqual(['service web: server s2 added (address 10.9.0.2, weight 1)']);
  expect((await namespace.client().get('/v1/status')).config.stale).toBe(null);
  const events = await namespace.client().get('/v1/events');
  expect(events.filter(({ event }) => event === 'hello-sent')).toHaveLength(1);
  expect(events.filter(({ event }) => event === 'vip-withdrawing')).toEqual([]);
});

test('a reload that changes an interface, or puts another in its place, touches nothing else', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  namespace.addLink('eth2', '10.1.2.2/24');
  const run = namespace.agent(clusterFile());
  const first = await namespace.event('vip-announced');
  clusterFile({ hello: '2s' });
  run.child.kill('SIGHUP');
  const applied = await namespace.event('config-applied');
  expect(applied.values['changes']).toEqual([
    'routing outside: interface up0: hello 1s -> 2s (its adjacencies last if the far end follows within the dead interval)',
  ]);
  clusterFile({ hello: '2s', interface: 'eth2' });
  run.child.kill('SIGHUP');
  await namespace.event('hello-sent', ({ values }) => values['interface'] === 'eth2');
  await namespace.event('config-applied', ({ seq }) => seq > applied.seq);
  const after = (await namespace.client().get('/v1/events')).filter(({ seq }) => seq > first.seq);
  const said = after.map(({ event, values }) => [event, values['interface'], values['to']].join(' ').trim());
  expect(said.filter((line) => !line.startsWith('config-applied'))).toEqual([
    'interface-changed eth1 down',
    'interface-changed eth2 pointToPoint',
    'hello-sent eth2',
  ]);
});

test('kill -9 leaves the kernel as it was, and the next agent adopts it', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  const path = clusterFile();
  const first = namespace.agent(path);
  await namespace.event('vip-announced');
  const rules = () => namespace.output('nft', '-s', 'list', 'ruleset');
  const before = rules();
  await first.stop('SIGKILL');
  expect(rules()).toBe(before);
  namespace.agent(path);
  const programmed = await namespace.event('dataplane-programmed');
  expect(programmed.values).toMatchObject({ services: ['web'], count: 0 });
  expect(rules()).toBe(before);
});

test('programmed before announced; SIGTERM withdraws before it unprograms, and leaves nothing', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  const run = namespace.agent(clusterFile());
  const announcing = await namespace.event('vip-announcing');
  const programmed = await namespace.event('dataplane-programmed');
  expect(programmed.values['vips']).toContain('203.0.113.10');
  expect(programmed.seq).toBeLessThan(announcing.seq);
  await namespace.event('vip-announced');
  expect(namespace.output('ip', 'route', 'show', 'table', 'local')).toContain('local 203.0.113.10 dev lo');
  const { code, stdout } = await run.stop('SIGTERM');
  expect(code).toBe(0);
  const order = stdout
    .split('\n')
    .flatMap((line) => /"event":"(vip-withdrawn|vip-unprogrammed|agent-stopped)"/.exec(line)?.[1] ?? []);
  expect(order).toEqual(['vip-withdrawn', 'vip-unprogrammed', 'agent-stopped']);
  expect(namespace.output('nft', 'list', 'tables')).not.toContain('sluice');
  expect(namespace.output('ip', 'route', 'show', 'table', 'local')).not.toContain('203.0.113.10');
});

test('settings that a killed agent has changed go back with the drained stop of the next one', async () => {
  const forwarding = () => namespace.output('sysctl', '-n', 'net.ipv4.ip_forward').trim();
  namespace.output('sysctl', '-q', '-w', 'net.ipv4.ip_forward=0', 'net.netfilter.nf_conntrack_tcp_be_liberal=1');
  namespace.addLink('eth1', '10.1.1.2/24');
  const first = namespace.agent(clusterFile());
  await namespace.event('dataplane-programmed');
  await first.stop('SIGKILL');
  expect(forwarding()).toBe('1');
  const second = namespace.agent(clusterFile());
  await namespace.event('agent-started', ({ values }) => values['pid'] === second.child.pid);
  await namespace.event('dataplane-programmed');
  const { stdout } = await second.stop('SIGTERM');
  expect(forwarding()).toBe('0');
  expect(namespace.output('sysctl', '-n', 'net.netfilter.nf_conntrack_tcp_be_liberal').trim()).toBe('1');
  expect(stdout).toContain('sysctl net.ipv4.ip_forward: 1 -> 0');
  expect(existsSync(join(namespace.dir, 'd1', 'sysctls.json'))).toBe(false);
});

/** Milliseconds until the guard is there again. */
function flushed(): number {
  const tables = () => namespace.output('nft', 'list', 'tables');
  const begin = performance.now();
  namespace.output('nft', 'flush', 'ruleset');
  while (!tables().includes('sluice_guard_v1')) if (performance.now() - begin > 3000) throw new Error('not repaired');
  return performance.now() - begin;
}

test('a ruleset that somebody flushes is there again at once, not only with the next check', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  namespace.agent(clusterFile());
  await namespace.event('dataplane-programmed');
  const waits: number[] = [];
  // Checks are a second apart and begin anew with each repair: these are early, with most of the second to wait.
  for (let round = 0; round < 5; round++) {
    await new Promise((done) => setTimeout(done, 1200));
    waits.push(flushed());
  }
  const [, , , fourth = Number.POSITIVE_INFINITY] = waits.toSorted((a, b) => a - b);
  process.stderr.write(`flushed -> the guard is there again: ${waits.map(Math.round).join(', ')} ms\n`);
  // With the next check only: 830 to 913 ms, each time.
  expect(fourth).toBeLessThan(600);
});

test('the agent raises its priority; where it may not it runs as it is, and status says so', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  const raised = namespace.agent(clusterFile());
  await namespace.event('hello-sent');
  expect((await namespace.client().get('/v1/status')).process.priority).toEqual({ nice: -20, refused: null });
  await raised.stop('SIGKILL');
  namespace.agentUnder(['setpriv', '--bounding-set=-sys_nice'], clusterFile());
  await namespace.event('hello-sent');
  const { priority } = (await namespace.client().get('/v1/status')).process;
  expect(priority).toEqual({ nice: getPriority(), refused: 'EACCES' });
});

test('the histogram of event loop delays can be begun anew', async () => {
  namespace.agent(clusterFile());
  await namespace.event('speaker-fault');
  const samples = async () => (await namespace.client().get('/v1/status')).process.eventLoopDelay.count;
  await expect.poll(samples, { timeout: 20_000 }).toBeGreaterThan(100);
  const before = await namespace.client().post('/v1/event-loop/restart');
  expect(before.max).toBeGreaterThanOrEqual(before.p99);
  expect(await samples()).toBeLessThan(before.count);
});

test('a held link is down until the data plane is there, and a killed agent and the next one leave it alone', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  const flags = () => JSON.parse(namespace.output('ip', '-json', 'link', 'show', 'eth1'))[0].flags as string[];
  const first = namespace.agent(clusterFile({ holdLink: true }));
  const held = await namespace.event('link-held');
  expect(held.values).toEqual({ interface: 'eth1', was: 'up' });
  const programmed = await namespace.event('dataplane-programmed');
  for (const name of ['link-released', 'hello-sent'] as const) {
    expect((await namespace.event(name)).seq).toBeGreaterThan(programmed.seq);
  }
  expect(flags()).toContain('UP');
  await first.stop('SIGKILL');
  expect(flags()).toContain('UP');

  namespace.agent(clusterFile({ holdLink: true }));
  await namespace.event('vip-announcing');
  const events = await namespace.client().get('/v1/events');
  expect(events.filter(({ event }) => event.startsWith('link-') || event === 'speaker-fault')).toEqual([]);
  expect((await namespace.client().get('/v1/status')).heldLinks).toEqual([{ interface: 'eth1', state: 'released' }]);
});

test('a link with the only default route is not held', async () => {
  namespace.addLink('eth1', '10.1.1.2/24');
  namespace.ip('route', 'add', 'default', 'via', '10.1.1.1');
  namespace.agent(clusterFile({ holdLink: true }));
  const { values } = await namespace.event('link-hold-refused');
  expect(values).toEqual({ interface: 'eth1', reason: 'the only default route leads through eth1' });
  await namespace.event('hello-sent');
  expect(namespace.output('ip', 'route', 'show', 'default')).toContain('10.1.1.1');
});

test("an upstream router's view: our own agent stands in for the router, and says the same of itself", async () => {
  const router = new Namespace();
  try {
    namespace.addLink('eth1', '10.1.1.2/30');
    namespace.ip('link', 'set', 'eth1-peer', 'netns', router.name);
    router.ip('address', 'add', '10.1.1.1/30', 'dev', 'eth1-peer');
    router.ip('link', 'set', 'eth1-peer', 'up');
    const text = readFileSync(clusterFile(), 'utf8');
    const other = text.replace(
      'd1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } }',
      'x1: { routerId: 10.255.1.1, interfaces: { up0: eth1-peer } }',
    );
    writeFileSync(join(router.dir, 'cluster.yml'), other.replace('203.0.113.10', '203.0.113.99'));
    router.agent(join(router.dir, 'cluster.yml'), 'x1');
    const both = text.replace(
      'up0: eth1 } }',
      'up0: eth1 } }\n  d2: { routerId: 10.255.0.2, interfaces: { up0: eth9 } }',
    );
    writeFileSync(join(namespace.dir, 'cluster.yml'), both);
    namespace.agent(join(namespace.dir, 'cluster.yml'));
    await namespace.event('vip-announced');
    await namespace.event('neighbor-changed', ({ values }) => values['to'] === 'full');
    // Its router-LSA with the link back follows its own Full.
    const view = () => namespace.client().get('/v1/upstream-view?maxPaths=4');
    // The stand-in is a director, whose way to anything else costs the maximum.
    await expect.poll(view, { timeout: 5000 }).toMatchObject([
      {
        instance: 'outside',
        router: '10.255.1.1',
        reachable: true,
        vips: [
          {
            vip: '203.0.113.10',
            pathType: 'intraArea',
            cost: 65_545,
            nextHops: [{ interface: '10.1.1.1', gateway: '10.1.1.2' }],
            directors: [
              { director: 'd1', inSet: 'yes', cost: 65_545, reason: null },
              { director: 'd2', inSet: 'no', expected: true, reason: 'noRouterLsa' },
            ],
            warnings: [],
          },
        ],
      },
    ]);
    const { code, stdout } = await namespace.sluice('upstream-view').ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/203\.0\.113\.10 +d2 +NO .* it has no router-LSA/);
    const own = await namespace.client().get('/v1/lsdb?own=1&type=1&detail=1');
    expect(own.map(({ content }) => content)).toMatchObject([
      {
        kind: 'router',
        flags: expect.arrayContaining(['H']),
        links: expect.arrayContaining([{ type: 'stub', id: '203.0.113.10', data: '255.255.255.255', metric: 10 }]),
      },
    ]);
    await expect(namespace.client().get('/v1/upstream-view?router=10.255.9.9')).rejects.toMatchObject({ status: 404 });
    await expect(namespace.client().get('/v1/upstream-view?maxPaths=many')).rejects.toMatchObject({ status: 400 });
    await expect(namespace.client().get('/v1/lsdb?type=router')).rejects.toMatchObject({ status: 400 });
  } finally {
    await router.remove();
  }
});
