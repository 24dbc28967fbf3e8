import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Namespace } from './namespace.ts';
import { Remote } from './remote.ts';

const ALL_SPF = '224.0.0.5';
const ALL_D = '224.0.0.6';
const LEFT = '10.90.0.1';
const RIGHT = '10.90.0.2';

/** left l0 (10.90.0.1) — r0 (10.90.0.2) right; left l1 (10.91.0.1) — r1 (10.91.0.2) right. */
describe('dgram-ospf', () => {
  let left: Namespace;
  let right: Namespace;
  let a: Remote;
  let b: Remote;

  beforeAll(() => {
    left = new Namespace('ol');
    right = new Namespace('or');
    left.link('l0', right, 'r0');
    left.link('l1', right, 'r1');
    left.ip(`addr add ${LEFT}/24 dev l0`);
    right.ip(`addr add ${RIGHT}/24 dev r0`);
    left.ip('addr add 10.91.0.1/24 dev l1');
    right.ip('addr add 10.91.0.2/24 dev r1');
    a = new Remote(left);
    b = new Remote(right);
  });

  afterEach(async () => {
    await Promise.all([a.do({ do: 'forget' }), b.do({ do: 'forget' })]);
    a.events();
    b.events();
  });

  afterAll(async () => {
    await Promise.all([a?.end(), b?.end()]);
    left?.remove();
    right?.remove();
  });

  async function openBoth(): Promise<void> {
    await a.do({ do: 'open', socket: 'l0', link: 'l0', onMessage: 'report' });
    await b.do({ do: 'open', socket: 'r0', link: 'r0', onMessage: 'report' });
    await b.do({ do: 'join', socket: 'r0', group: ALL_SPF });
  }

  test('a multicast packet arrives without IP header, with source, destination, interface, TTL 1 and TOS 0xc0', async () => {
    await openBoth();
    expect(await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size: 44, fill: 7 })).toMatchObject({ bytes: 44 });
    const ifindex = Number(right.ip('-o link show r0').split(':')[0]);
    expect(await b.event({ event: 'message' })).toMatchObject({
      socket: 'r0',
      length: 44,
      first: 7,
      uniform: true,
      address: LEFT,
      destination: ALL_SPF,
      ifindex,
      ttl: 1,
      tos: 0xc0,
      truncated: false,
      size: 44,
    });
  });

  test('unicast goes both ways, with TTL 1', async () => {
    await openBoth();
    await a.do({ do: 'send', socket: 'l0', to: RIGHT, size: 24, fill: 1 });
    expect(await b.event({ event: 'message' })).toMatchObject({ address: LEFT, destination: RIGHT, ttl: 1 });
    await b.do({ do: 'send', socket: 'r0', to: LEFT, size: 24, fill: 2 });
    expect(await a.event({ event: 'message' })).toMatchObject({ address: RIGHT, destination: LEFT, ttl: 1 });
  });

  test('a group is heard from joining to leaving, and our own multicast never', async () => {
    await openBoth();
    await a.do({ do: 'join', socket: 'l0', group: ALL_SPF });
    const toBoth = async (fill: number) => {
      await a.do({ do: 'send', socket: 'l0', to: ALL_D, size: 24, fill });
      await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size: 24, fill });
      await b.event({ event: 'message', destination: ALL_SPF, first: fill });
      return b.events().map((event) => event['destination']);
    };
    expect(await toBoth(1)).toEqual([]);
    await b.do({ do: 'join', socket: 'r0', group: ALL_D });
    expect(await toBoth(2)).toEqual([ALL_D]);
    await b.do({ do: 'leave', socket: 'r0', group: ALL_D });
    expect(await toBoth(3)).toEqual([]);
    expect(a.events()).toEqual([]);
  });

  test('a socket hears and speaks on its own interface only', async () => {
    await openBoth();
    await a.do({ do: 'open', socket: 'l1', link: 'l1', onMessage: 'report' });
    await b.do({ do: 'open', socket: 'r1', link: 'r1', onMessage: 'report' });
    await b.do({ do: 'join', socket: 'r1', group: ALL_SPF });
    await a.do({ do: 'send', socket: 'l1', to: ALL_SPF, size: 24, fill: 1 });
    await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size: 24, fill: 2 });
    const seen = [await b.event({ event: 'message', first: 1 }), await b.event({ event: 'message', first: 2 })];
    expect(seen.map((event) => [event['socket'], event['address']])).toEqual([
      ['r1', '10.91.0.1'],
      ['r0', LEFT],
    ]);
    expect(b.events()).toEqual([]);
  });

  test.each([1481, 9000, 65515])('%i bytes are fragmented on the way and arrive whole', async (size) => {
    await openBoth();
    await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size, fill: 9 });
    expect(await b.event({ event: 'message' })).toMatchObject({ length: size, uniform: true, truncated: false });
  });

  test('what the kernel refuses comes back as a system error', async () => {
    await openBoth();
    const code = (reply: unknown) => (reply as { error?: { code?: string; syscall?: string } }).error;
    expect(code(await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size: 65516, fill: 0 }))).toMatchObject({
      code: 'EMSGSIZE',
      syscall: 'sendmsg',
    });
    expect(code(await b.do({ do: 'join', socket: 'r0', group: ALL_SPF }))).toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'setsockopt IP_ADD_MEMBERSHIP',
    });
    expect(code(await b.do({ do: 'leave', socket: 'r0', group: ALL_D }))).toMatchObject({ code: 'EADDRNOTAVAIL' });
    expect(code(await a.do({ do: 'open', socket: 'x', link: '9999', onMessage: 'report' }))).toMatchObject({
      code: 'ENODEV',
      syscall: 'setsockopt IP_MULTICAST_IF',
    });
    await a.do({ do: 'close', socket: 'l0' });
    expect(code(await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size: 24, fill: 0 }))).toMatchObject({
      code: 'EBADF',
    });
    expect(code(await a.do({ do: 'join', socket: 'l0', group: ALL_SPF }))).toMatchObject({ code: 'EBADF' });
  });

  test('without CAP_NET_RAW the error is EPERM', async () => {
    const weak = new Remote(left, ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw']);
    const reply = await weak.do({ do: 'open', socket: 'x', link: 'l0', onMessage: 'report' });
    await weak.end();
    expect(reply).toMatchObject({ error: { code: 'EPERM', syscall: 'socket' } });
  });

  test('a socket survives the loss of its carrier, and says so when its device is gone', async () => {
    await openBoth();
    right.ip('link set r0 down');
    right.ip('link set r0 up');
    await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size: 24, fill: 5 });
    expect(await b.event({ event: 'message' })).toMatchObject({ first: 5 });
    left.ip('link add gone type veth peer name gone1');
    left.ip('link set gone up');
    left.ip('addr add 10.92.0.1/24 dev gone');
    await a.do({ do: 'open', socket: 'gone', link: 'gone', onMessage: 'report' });
    left.ip('link del gone');
    const reply = await a.do({ do: 'send', socket: 'gone', to: ALL_SPF, size: 24, fill: 5 });
    expect(reply).toMatchObject({ error: { code: 'ENODEV', syscall: 'sendmsg' } });
  });

  test('closing inside a handler ends delivery at once, in the middle of a batch', async () => {
    await a.do({ do: 'open', socket: 'l0', link: 'l0', onMessage: 'report' });
    await b.do({ do: 'open', socket: 'r0', link: 'r0', onMessage: 'close' });
    await b.do({ do: 'join', socket: 'r0', group: ALL_SPF });
    const blocked = b.do({ do: 'block', milliseconds: 300 });
    await b.event({ event: 'blocked' });
    await a.do({ do: 'burst', socket: 'l0', to: ALL_SPF, size: 24, count: 20 });
    await blocked;
    await b.event({ event: 'close' });
    expect(b.events()).toMatchObject([{ event: 'message', first: 0 }]);
  });

  test('a handler that throws does not cost the other packets of the batch', async () => {
    await a.do({ do: 'open', socket: 'l0', link: 'l0', onMessage: 'report' });
    await b.do({ do: 'open', socket: 'r0', link: 'r0', onMessage: 'throw' });
    await b.do({ do: 'join', socket: 'r0', group: ALL_SPF });
    const blocked = b.do({ do: 'block', milliseconds: 300 });
    await b.event({ event: 'blocked' });
    await a.do({ do: 'burst', socket: 'l0', to: ALL_SPF, size: 24, count: 10 });
    await blocked;
    for (let i = 0; i < 10; i++) await b.event({ event: 'message', first: i });
    for (let i = 0; i < 10; i++) await b.event({ event: 'uncaught', message: 'handler of r0' });
  });

  test('a loop that is blocked while 3,000 packets arrive loses none', async () => {
    await openBoth();
    const blocked = b.do({ do: 'block', milliseconds: 1000 });
    await b.event({ event: 'blocked' });
    await a.do({ do: 'burst', socket: 'l0', to: ALL_SPF, size: 100, count: 3000 });
    await blocked;
    await a.do({ do: 'send', socket: 'l0', to: ALL_SPF, size: 25, fill: 255 });
    await b.event({ event: 'message', length: 25 });
    expect(b.events().filter((event) => event['event'] === 'message')).toHaveLength(3000);
    expect(await b.do({ do: 'dropped', socket: 'r0' })).toMatchObject({ dropped: 0 });
  });

  test('workers terminated with open sockets leave no descriptor behind', async () => {
    const { before, after } = await a.do({ do: 'workers', link: 'l0', count: 10 });
    expect(before).toBeGreaterThan(0);
    expect(after).toBe(before);
  });

  test('a process whose sockets are closed ends by itself', async () => {
    const short = new Remote(left);
    await short.do({ do: 'open', socket: 'x', link: 'l0', onMessage: 'report' });
    expect(await short.end()).toBe(0);
  });
});

test.each([
  ['dgram-ospf', 'ERR_DGRAM_OSPF_LOAD'],
  ['netlink-batch', 'ERR_NETLINK_BATCH_LOAD'],
  ['tun-device', 'ERR_TUN_DEVICE_LOAD'],
])('where the native part of %s has not been built, the error says what to install', async (name, code) => {
  const copy = mkdtempSync(join(tmpdir(), `${name}-`));
  try {
    const source = fileURLToPath(new URL(`../../../vendor/${name}/`, import.meta.url));
    for (const file of ['package.json', 'index.js']) cpSync(join(source, file), join(copy, file));
    const unbuilt = (await import(pathToFileURL(join(copy, 'index.js')).href)) as { load(): void };
    const said = expect.stringMatching(`not been built.*build-essential.*npm rebuild ${name}`);
    expect(() => unbuilt.load()).toThrowError(expect.objectContaining({ code, message: said }));
  } finally {
    rmSync(copy, { recursive: true });
  }
});
