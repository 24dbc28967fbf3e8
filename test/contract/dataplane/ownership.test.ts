/** Who carries a connection and what the kernel tells of it, by real packets and real events. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { ADDRESS_OF, Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { CLIENT, EVEN, freshPorts, only, servers, VIP, web } from './suite.ts';

const network = new Network(`ow${process.pid}`);
const bench = netnsBench(network);
const service = web(servers(EVEN));

const REPLICA = 0x80000000;
const MOVED = 0x40000000;
const COUNT = 12;

interface ConntrackEvent {
  readonly kind: string;
  readonly sport: number;
  readonly mark: number;
  readonly state: string;
}

let tools = '';
let listeners: { readonly d1: Peer; readonly d2: Peer };

const keys = (sport: number, count = COUNT) => Array.from({ length: count }, (_, i) => String(sport + i));
const ports = (sport: number, count = COUNT) => Array.from({ length: count }, (_, i) => sport + i);
const ask = (sport: number) => bench.client().call<string[]>('ask', { keys: keys(sport), timeout: 5000 });

/** conntrack(8) in a director's namespace, one command a line. */
async function conntrack(director: 'd1' | 'd2', commands: readonly string[]): Promise<string> {
  const script = commands.map((command) => `conntrack ${command} 2>/dev/null`).join('\n');
  return network.in(director, ['chroot', tools, 'sh', '-s'], `PATH=/usr/sbin:/usr/bin\n${script}\ntrue\n`);
}

/** What was told of each connection since the last call, oldest first: `update ESTABLISHED 0x1`, ids left out. */
async function told(director: 'd1' | 'd2', sport: number, count = COUNT): Promise<readonly string[][]> {
  const events = await listeners[director].call<ConntrackEvent[]>('take');
  const flags = (mark: number) => ((mark & REPLICA) !== 0 ? 'replica' : (mark & MOVED) !== 0 ? 'moved' : 'own');
  const lines = (port: number) =>
    events
      .filter((event) => event.sport === port)
      .map(({ kind, state, mark }) => [kind, state, flags(mark)].filter((part) => part !== '').join(' '));
  return ports(sport, count).map(lines);
}

/** Waits until nothing more is told of these connections than `expected`, each of them the same. */
async function expectTold(director: 'd1' | 'd2', sport: number, expected: readonly string[], count = COUNT) {
  const heard: string[][] = ports(sport, count).map(() => []);
  await vi.waitFor(
    async () => {
      for (const [i, lines] of (await told(director, sport, count)).entries()) heard[i]?.push(...lines);
      expect(heard).toEqual(ports(sport, count).map(() => expected));
    },
    { timeout: 3000, interval: 100 },
  );
}

/** Copies of connections, as another director would bring them: carried by somebody else. */
async function replicate(to: 'd1' | 'd2', sport: number, answers: readonly string[]): Promise<void> {
  const lines = answers.map((server, i) => {
    const to = ADDRESS_OF[server as keyof typeof ADDRESS_OF];
    const tuple = `-p tcp -s ${CLIENT} -d ${VIP} --sport ${sport + i} --dport 80 --dst-nat ${to}:80`;
    return `-I ${tuple} -t 300 --state ESTABLISHED -u SEEN_REPLY,ASSURED -m ${REPLICA + 1}`;
  });
  await conntrack(to, lines);
  await expectTold(to, sport, ['new ESTABLISHED replica']);
}

async function expectMarks(director: 'd1' | 'd2', sport: number, flag: number): Promise<void> {
  const marks = await Promise.all(
    ports(sport).map((port) => conntrack(director, [`-L -p tcp --orig-port-src ${port}`])),
  );
  expect(marks.map((line) => (Number(/mark=(\d+)/.exec(line)?.[1]) & 0xc0000000) >>> 0)).toEqual(
    ports(sport).map(() => flag),
  );
}

describe('ownership', () => {
  beforeAll(async () => {
    await ensureRoots(['tools'], () => undefined);
    tools = await rootPath('tools');
    await bench.up();
    await bench.apply(only(service));
    const second = await bench.secondDriver();
    await second.call('apply', { desired: only(service) });
    listeners = { d1: network.start('d1', 'events-main'), d2: network.start('d2', 'events-main') };
    await Promise.all([listeners.d1.call('ready'), listeners.d2.call('ready')]);
  });
  afterAll(() => bench.down());
  beforeEach(async () => {
    await network.routeVip(VIP, 'd1');
    await network.routeAnswers('d1');
  });

  test('an own connection is told when it is established, at each FIN, and when it is forgotten', async () => {
    const sport = freshPorts(COUNT);
    await bench.connect(sport, COUNT);
    await ask(sport);
    await expectTold('d1', sport, ['update ESTABLISHED own']);
    await bench.client().call('end', { keys: keys(sport) });
    await expectTold('d1', sport, ['update FIN_WAIT own', 'update LAST_ACK own']);
    await conntrack('d1', [`-D -p tcp --orig-port-src ${sport}`]);
    await expectTold('d1', sport, ['destroy TIME_WAIT own'], 1);
  });

  test('an own connection that ends by RST is told once more', async () => {
    const sport = freshPorts(COUNT);
    await bench.connect(sport, COUNT);
    await expectTold('d1', sport, ['update ESTABLISHED own']);
    await bench.client().call('close', { keys: keys(sport) });
    await expectTold('d1', sport, ['update CLOSE own']);
  });

  test('the first packet of the client moves a connection here: one event, then silence until its end', async () => {
    const sport = freshPorts(COUNT);
    const answers = await bench.connect(sport, COUNT);
    await replicate('d2', sport, answers);
    await network.routeVip(VIP, 'd2');
    await network.routeAnswers('d2');
    expect(await ask(sport)).toEqual(answers);
    await expectTold('d2', sport, ['update moved']);
    for (let round = 0; round < 3; round++) await ask(sport);
    await expectTold('d2', sport, []);
    await expectMarks('d2', sport, MOVED);
    await bench.client().call('end', { keys: keys(sport) });
    await expectTold('d2', sport, ['update FIN_WAIT moved', 'update LAST_ACK moved']);
  });

  test('a moved connection that ends by RST is told once more', async () => {
    const sport = freshPorts(COUNT);
    await replicate('d2', sport, await bench.connect(sport, COUNT));
    await network.routeVip(VIP, 'd2');
    await network.routeAnswers('d2');
    await ask(sport);
    await expectTold('d2', sport, ['update moved']);
    await bench.client().call('close', { keys: keys(sport) });
    await expectTold('d2', sport, ['update CLOSE moved']);
  });

  test('a FIN that moves a connection is told in the same event', async () => {
    const sport = freshPorts(COUNT);
    await replicate('d2', sport, await bench.connect(sport, COUNT));
    await network.routeVip(VIP, 'd2');
    await network.routeAnswers('d2');
    await bench.client().call('end', { keys: keys(sport) });
    await expectTold('d2', sport, ['update FIN_WAIT moved', 'update LAST_ACK moved']);
  });

  test('answers alone move nothing; that the server ends the connection is told where the answers pass', async () => {
    for (const how of ['end', 'reset'] as const) {
      const sport = freshPorts(COUNT);
      const answers = await bench.connect(sport, COUNT);
      await replicate('d2', sport, answers);
      await network.routeAnswers('d2');
      for (let round = 0; round < 3; round++) expect(await ask(sport)).toEqual(answers);
      await expectTold('d2', sport, []);
      await expectMarks('d2', sport, REPLICA);
      await bench.client().call('ask', { keys: keys(sport), later: true });
      await Promise.all(bench.servers().map((server) => server.call('end', { how })));
      await expectTold('d2', sport, [how === 'end' ? 'update FIN_WAIT replica' : 'update CLOSE replica']);
      await network.routeAnswers('d1');
    }
  });

  test('a connection whose answers pass elsewhere lasts as long as any other', async () => {
    const sport = freshPorts(COUNT);
    const answers = await bench.connect(sport, COUNT);
    await replicate('d2', sport, answers);
    await network.routeAnswers('d2');
    expect(await ask(sport)).toEqual(answers);
    for (const director of ['d1', 'd2'] as const) {
      const [, , timeout, state] = (await conntrack(director, [`-L -p tcp --orig-port-src ${sport}`])).split(/ +/);
      expect({ state, lasts: Number(timeout) > 431_000 }).toEqual({ state: 'ESTABLISHED', lasts: true });
    }
  });

  test('whoever gives a connection away keeps it as a replica, hears of its end, and may take it back', async () => {
    const sport = freshPorts(COUNT);
    const answers = await bench.connect(sport, COUNT);
    await replicate('d2', sport, answers);
    await network.routeVip(VIP, 'd2');
    expect(await ask(sport)).toEqual(answers);
    const give = ports(sport).map((port) => `-U -p tcp -s ${CLIENT} --orig-port-src ${port} -m 0x80000000/0xc0000000`);
    await conntrack('d1', give);
    await expectMarks('d1', sport, REPLICA);
    await listeners.d1.call('take');
    expect(await ask(sport)).toEqual(answers);
    await expectTold('d1', sport, []);
    await network.routeVip(VIP, 'd1');
    expect(await ask(sport)).toEqual(answers);
    await expectTold('d1', sport, ['update moved']);
    await network.routeVip(VIP, 'd2');
    expect(await ask(sport)).toEqual(answers);
    await conntrack('d1', give);
    await listeners.d1.call('take');
    await bench.client().call('ask', { keys: keys(sport), later: true });
    await Promise.all(bench.servers().map((server) => server.call('end', { how: 'end' })));
    await expectTold('d1', sport, ['update FIN_WAIT replica']);
  });

  test('connections that merely pass through keep their marks, whatever these mean to somebody else', async () => {
    await network.in('cl', ['ip', 'route', 'replace', `${ADDRESS_OF.s1}/32`, 'via', '10.1.0.11']);
    const rules =
      'chain c { type filter hook prerouting priority -140; policy accept;\n udp dport 53 ct mark set 0x80000007\n}';
    await network.in('d1', ['nft', '-f', '-'], `table ip mine {\n${rules}\n}\n`);
    const target = { source: CLIENT, vip: ADDRESS_OF.s1, port: 53, timeout: 2000 };
    const sport = freshPorts(1);
    expect(await bench.client().call('udp', { ...target, sport, count: 1 })).toEqual(['s1']);
    expect(await conntrack('d1', [`-L -p udp --orig-port-src ${sport}`])).toContain(`mark=${REPLICA + 7}`);
  });
});
