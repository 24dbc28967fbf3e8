/** The built-in speaker over sockets and links in memory, on a clock that the test moves. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { InstanceConfig } from '../../../src/core/ospf/events.ts';
import { type LinkSource, OspfSpeaker } from '../../../src/drivers/routing/ospf.ts';
import type { SpeakerEvent } from '../../../src/drivers/routing/port.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';
import type { LinkState } from '../../../src/io/links.ts';
import type { OspfSocket, OspfSocketOptions } from '../../../src/io/ospf-socket.ts';
import { interfaceConfig } from '../../sim/network.ts';
import { FakeClock } from '../../unit/agent/fake-clock.ts';
import { speakerContract } from './speaker-contract.ts';

const ADDRESS = ipv4('10.1.1.2');

const config: InstanceConfig = {
  routerId: ipv4('10.255.0.1'),
  areaId: 0,
  areaType: 'normal',
  interfaces: [interfaceConfig('eth1')],
  stubRouter: true,
  originateFloor: 1100,
  holdLimit: 300,
  seed: 1,
};

class FakeLinks implements LinkSource {
  readonly #links = new Map<string, LinkState>();
  readonly #listeners = new Set<(link: LinkState) => void>();

  links(): ReadonlyMap<string, LinkState> {
    return this.#links;
  }

  onChange(listener: (link: LinkState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  change(link: LinkState): void {
    this.#links.set(link.name, link);
    for (const listener of this.#listeners) listener(link);
  }
}

function link(change: Partial<LinkState> = {}): LinkState {
  const addresses = [{ address: ADDRESS, prefixLength: 24 }];
  return { name: 'eth1', ifindex: 7, up: true, mtu: 1500, addresses, ...change };
}

class FakeNetwork {
  readonly clock = new FakeClock();
  readonly links = new FakeLinks();
  readonly log: string[] = [];
  readonly opened: OspfSocketOptions[] = [];
  refuse: Error | undefined;
  sent = 0;

  open(options: OspfSocketOptions): OspfSocket {
    if (this.refuse !== undefined) throw this.refuse;
    this.log.push(`open ${options.ifindex} ${options.address === ADDRESS ? 'first' : 'second'}`);
    this.opened.push(options);
    return {
      dropped: 0,
      send: () => {
        this.sent += 1;
      },
      joinAllDRouters: () => {},
      leaveAllDRouters: () => {},
      close: () => this.log.push(`close ${options.ifindex}`),
    };
  }

  speaker() {
    const { clock, links } = this;
    const speaker = new OspfSpeaker({
      instance: 'outside',
      config,
      clock,
      links,
      openSocket: (options) => this.open(options),
    });
    const news: SpeakerEvent[] = [];
    speaker.onEvent((event) => news.push(event));
    return { speaker, news, faults: () => news.flatMap((event) => (event.kind === 'fault' ? [event.message] : [])) };
  }
}

speakerContract('ospf', () => {
  const network = new FakeNetwork();
  network.links.change(link());
  return { speaker: network.speaker().speaker, pass: (ms) => network.clock.advance(ms) };
});

test('the first Hello goes out with the start, and is told once', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  const { speaker, news } = network.speaker();
  await speaker.start();
  await network.clock.advance(1);
  expect(network.sent).toBeGreaterThan(0);
  await network.clock.advance(5000);
  expect(news.filter(({ kind }) => kind === 'hello')).toEqual([{ kind: 'hello', interface: 'eth1' }]);
});

test('an interface that is missing is named, and taken up when it appears', async () => {
  const network = new FakeNetwork();
  const { speaker, news, faults } = network.speaker();
  await speaker.start();
  expect(faults()).toEqual(['interface eth1 does not exist; waiting for it to appear']);
  network.links.change(link());
  await network.clock.advance(1);
  expect(network.log).toEqual(['open 7 first']);
  expect(news).toContainEqual({ kind: 'hello', interface: 'eth1' });
});

test('loss of carrier keeps the socket; another address or index gets a new one; no address, none', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  const { speaker, faults } = network.speaker();
  await speaker.start();
  network.links.change(link({ up: false }));
  expect(speaker.interfaces()[0]?.state).toBe('down');
  network.links.change(link());
  expect(speaker.interfaces()[0]?.state).toBe('pointToPoint');
  expect(network.log).toEqual(['open 7 first']);
  network.links.change(link({ addresses: [{ address: ipv4('10.1.1.9'), prefixLength: 24 }] }));
  network.links.change(link({ ifindex: 8 }));
  network.links.change(link({ ifindex: 8, addresses: [] }));
  expect(network.log).toEqual(['open 7 first', 'close 7', 'open 7 second', 'close 7', 'open 8 first', 'close 8']);
  expect(speaker.interfaces()[0]?.state).toBe('down');
  expect(faults()).toEqual(['interface eth1 has no IPv4 address; waiting for one, or for 10.255.0.1 on lo to borrow']);
});

test('configure: an interface that is new gets a socket, one that goes says goodbye and its socket is closed', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  network.links.change(link({ name: 'eth2', ifindex: 9 }));
  const { speaker, faults } = network.speaker();
  await speaker.start();
  expect(network.log).toEqual(['open 7 first']);
  speaker.configure([interfaceConfig('eth1'), interfaceConfig('eth2')]);
  expect(network.log).toEqual(['open 7 first', 'open 9 first']);
  expect(speaker.interfaces().map(({ name, state }) => `${name} ${state}`)).toEqual([
    'eth1 pointToPoint',
    'eth2 pointToPoint',
  ]);
  const sent = network.sent;
  speaker.configure([interfaceConfig('eth2', { cost: 20 })]);
  expect(network.sent).toBe(sent + 1);
  expect(network.log.slice(2)).toEqual(['close 7']);
  network.links.change(link({ mtu: 9000 }));
  expect(network.log.slice(3)).toEqual([]);
  expect(faults()).toEqual([]);
});

test('configure: an interface that is missing is named and taken up when it appears', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  const { speaker, faults } = network.speaker();
  await speaker.start();
  speaker.configure([interfaceConfig('eth1'), interfaceConfig('eth2')]);
  expect(faults()).toEqual(['interface eth2 does not exist; waiting for it to appear']);
  network.links.change(link({ name: 'eth2', ifindex: 9 }));
  expect(network.log).toEqual(['open 7 first', 'open 9 first']);
});

test('configure before the start opens nothing, nor does it after the stop', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  const { speaker } = network.speaker();
  speaker.configure([interfaceConfig('eth1'), interfaceConfig('eth2')]);
  expect(network.log).toEqual([]);
  await speaker.start();
  const stopped = speaker.stop();
  await network.clock.advance(5000);
  await stopped;
  const opened = network.opened.length;
  network.links.change(link({ name: 'eth3', ifindex: 11 }));
  speaker.configure([interfaceConfig('eth3')]);
  expect(network.opened).toHaveLength(opened);
});

test('a passive interface is known without a socket; it opens one before it speaks, and closes it when it is passive again', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  const { speaker, news, faults } = network.speaker();
  speaker.configure([interfaceConfig('eth1', { passive: true })]);
  await speaker.start();
  expect(speaker.interfaces()).toMatchObject([{ state: 'passive', address: ADDRESS }]);
  await network.clock.advance(5000);
  expect([network.log, network.sent]).toEqual([[], 0]);
  speaker.configure([interfaceConfig('eth1')]);
  expect(network.log).toEqual(['open 7 first']);
  expect(news).toContainEqual({ kind: 'hello', interface: 'eth1' });
  speaker.configure([interfaceConfig('eth1', { passive: true })]);
  expect(network.log).toEqual(['open 7 first', 'close 7']);
  expect(speaker.interfaces()).toMatchObject([{ state: 'passive' }]);
  expect(faults()).toEqual([]);
});

test('a point-to-point link without an address borrows the router id from lo, and loses it with lo', async () => {
  const network = new FakeNetwork();
  const loopback = (...addresses: LinkState['addresses']) => link({ name: 'lo', ifindex: 1, mtu: 65_536, addresses });
  const localhost = { address: ipv4('127.0.0.1'), prefixLength: 8 };
  network.links.change(loopback(localhost));
  network.links.change(link({ addresses: [] }));
  const { speaker, faults } = network.speaker();
  await speaker.start();
  expect(faults()).toEqual(['interface eth1 has no IPv4 address; waiting for one, or for 10.255.0.1 on lo to borrow']);
  network.links.change(loopback(localhost, { address: config.routerId, prefixLength: 32 }));
  expect(network.opened.map(({ address }) => address)).toEqual([config.routerId]);
  expect(speaker.interfaces()).toMatchObject([{ state: 'pointToPoint', unnumbered: true, address: config.routerId }]);
  network.links.change(loopback(localhost));
  expect(speaker.interfaces()).toMatchObject([{ state: 'down' }]);
  expect(network.log.at(-1)).toBe('close 7');
  // On a LAN there is nothing to borrow: neighbors have to be on one subnet.
  speaker.configure([interfaceConfig('eth1', { network: 'broadcast' })]);
  network.links.change(loopback({ address: config.routerId, prefixLength: 32 }));
  expect(speaker.interfaces()).toMatchObject([{ state: 'down' }]);
});

test('lo may be passive: its first address outside 127.0.0.0/8 is announced', async () => {
  const network = new FakeNetwork();
  const localhost = { address: ipv4('127.0.0.1'), prefixLength: 8 };
  const own = { address: config.routerId, prefixLength: 32 };
  network.links.change(link({ name: 'lo', ifindex: 1, addresses: [localhost, own] }));
  const { speaker } = network.speaker();
  speaker.configure([interfaceConfig('lo', { passive: true })]);
  await speaker.start();
  expect(speaker.interfaces()).toMatchObject([{ state: 'passive', address: config.routerId, prefixLength: 32 }]);
});

test('a socket error is told once a minute, not once a packet', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  const { speaker, faults } = network.speaker();
  await speaker.start();
  const error = new KernelError('ospf-send', { interface: 'eth1', errno: 'ENETUNREACH' });
  for (let i = 0; i < 10; i += 1) network.opened[0]?.onError(error);
  expect(faults()).toEqual([error.message]);
  await network.clock.advance(60_000);
  network.opened[0]?.onError(error);
  expect(faults()).toHaveLength(2);
});

test('without permission for raw sockets the start fails and says so', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  network.refuse = new KernelError('ospf-open', { interface: 'eth1', errno: 'EPERM' });
  await expect(network.speaker().speaker.start()).rejects.toThrow('EPERM');
});

test('rubbish from the wire is dropped and counted; our own packets are not even that', async () => {
  const network = new FakeNetwork();
  network.links.change(link());
  const { speaker, news } = network.speaker();
  await speaker.start();
  const bytes = new Uint8Array(24).fill(0xff);
  const packet = { destination: ipv4('224.0.0.5'), ttl: 1, bytes };
  network.opened[0]?.onPacket({ ...packet, source: ADDRESS });
  expect(news.filter(({ kind }) => kind === 'dropped')).toEqual([]);
  network.opened[0]?.onPacket({ ...packet, source: ipv4('10.1.1.1') });
  expect(news.filter(({ kind }) => kind === 'dropped')).toMatchObject([{ interface: 'eth1', source: '10.1.1.1' }]);
});
