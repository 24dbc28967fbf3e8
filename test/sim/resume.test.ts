/** A director that was killed and is started again before its routers notice: what they see of it. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE, LsType } from '../../src/core/ospf/codes.ts';
import type { AnnouncedPrefix, InstanceConfig } from '../../src/core/ospf/events.ts';
import type { LsaHeader } from '../../src/core/ospf/lsa/lsa.ts';
import { instanceConfig, interfaceConfig, lifeOf, Network, SimLink, type SimNode } from './network.ts';

const VIP = { prefix: { address: ipv4('203.0.113.10'), length: 32 }, metric: 10, lsa: { kind: 'stub' } } as const;
const D = ipv4('10.0.0.1');
const R1 = ipv4('10.0.1.1');
const R2 = ipv4('10.0.1.2');

/** The routers' regular Hellos leave 20 ms, the second one of the burst, and this many milliseconds after the full second. */
const PHASES = [0, 600] as const;

/** Two routers, each with a link to the director that will be killed and to another one. */
function fourNodes(more: Partial<InstanceConfig> = {}, prefixes: readonly AnnouncedPrefix[] = [VIP]) {
  const net = new Network();
  const make = (id: string, ...[first, second, settings]: [string, string, Partial<InstanceConfig>]) =>
    net.addNode(id, instanceConfig(id, [interfaceConfig(first), interfaceConfig(second)], settings));
  const directors = ['10.0.0.1', '10.0.0.2'].map((id) => {
    return make(id, 'up0', 'up1', { firstAnnounceLimit: 1500, ...more });
  });
  // As other implementations: neither pace their LSAs nor hold them back.
  const routers = ['10.0.1.1', '10.0.1.2'].map((id) => make(id, 'down0', 'down1', { holdLimit: 0, originateFloor: 0 }));
  routers.forEach((router, to) => {
    net.run(PHASES[to] ?? 0);
    directors.forEach((director, from) => {
      const link = new SimLink();
      net.attach(link, director, `up${to}`, `10.1.${2 * from + to}.1`, 30);
      net.attach(link, router, `down${from}`, `10.1.${2 * from + to}.2`, 30);
      // Nor do they answer a Hello at once: the next regular one has to do.
      link.filter = ({ body }, sender) => {
        const late = (net.now - (PHASES[to] ?? 0)) % 1000;
        return body.kind !== 'hello' || sender !== router || net.now < 3000 || Math.abs(late - 20) < 5;
      };
    });
  });
  const [d] = directors as [SimNode];
  for (const node of directors) net.input(node, { kind: 'announce', prefixes });
  net.run(5300);
  return { net, d, routers };
}

/** Kills the director and starts it again two seconds later. `left`: on which interfaces its neighbors are remembered. */
function restart(net: Network, d: SimNode, left: readonly string[]): SimNode {
  const life = lifeOf(d, net.now);
  net.kill(d);
  net.run(2000);
  const interfaces = life.interfaces.filter(({ interface: name }) => left.includes(name));
  return net.replace(d, 99, { ...life, interfaces });
}

function leadsTo(router: SimNode, gateway: string): boolean {
  const route = router.instance.routes().find(({ prefix }) => prefix.address === VIP.prefix.address);
  return route?.nextHops.some((hop) => hop.gateway === ipv4(gateway)) ?? false;
}

/** For how long each router does not lead to the director. */
function gaps(net: Network, routers: readonly SimNode[], duration: number): number[] {
  const missing = routers.map(() => 0);
  for (let passed = 0; passed < duration; passed += 1) {
    net.run(1);
    routers.forEach((router, at) => {
      if (!leadsTo(router, `10.1.${at}.1`)) missing[at] = (missing[at] ?? 0) + 1;
    });
  }
  return missing;
}

test.each([
  { how: 'remembered', remembered: ['up0', 'up1'] },
  { how: 'not remembered', remembered: [] },
])('a restarted director, $how, is missed by no router for more than 50 ms', ({ remembered }) => {
  const { net, d, routers } = fourNodes();
  const fresh = restart(net, d, remembered);
  net.at(net.now + 400, () => net.input(fresh, { kind: 'announce', prefixes: [VIP] }));
  const missing = Math.max(...gaps(net, routers, 5000));
  expect(missing).toBeLessThan(50);
  expect(routers.map((router, at) => leadsTo(router, `10.1.${at}.1`))).toEqual([true, true]);
});

test('the first router-LSA after a restart has all links of the old one', () => {
  const { net, d } = fourNodes();
  // One exchange takes longer than the other.
  d.links.get('up1')!.quality = { delay: 10, jitter: 0, loss: 0, duplication: 0 };
  const links = new Set<number>();
  net.onSend = (from, { body }) => {
    if (from.name !== d.name || body.kind !== 'lsUpdate') return;
    for (const { header, body: contents } of body.lsas) {
      if (header.id === D && contents.kind === 'router') links.add(contents.links.length);
    }
  };
  const fresh = restart(net, d, ['up0', 'up1']);
  net.input(fresh, { kind: 'announce', prefixes: [VIP] });
  net.run(5000);
  // Two routers, two subnets, one VIP.
  expect([...links]).toEqual([5]);
});

test('a remembered router that is gone delays the others for little more than a hello interval', () => {
  const { net, d, routers } = fourNodes();
  net.kill(routers[1]!);
  const started = net.now + 2000;
  const fresh = restart(net, d, ['up0', 'up1']);
  net.input(fresh, { kind: 'announce', prefixes: [VIP] });
  net.run(3000);
  expect(fresh.fullAt(R1)! - started).toBeLessThan(2000);
  expect(fresh.fullAt(R2)).toBeUndefined();
});

test('what has changed a moment ago is sent to a new neighbor, not described to it', () => {
  const { net, d, routers } = fourNodes();
  const described: LsaHeader[] = [];
  net.onSend = (from, { body }) => {
    if (from.name === d.name && body.kind === 'dbDescription') described.push(...body.headers);
  };
  const fresh = restart(net, d, []);
  net.input(fresh, { kind: 'announce', prefixes: [VIP] });
  net.run(5000);
  expect(fresh.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['full', 'full']);
  const young = described.filter(
    ({ advertisingRouter, age, sequence }) => advertisingRouter !== D && age <= 2 && sequence !== INITIAL_SEQUENCE,
  );
  expect(young).toEqual([]);
  const copies = [...routers, fresh].map((node) =>
    node.instance.lsdb(net.now).find(({ type, id }) => type === LsType.router && id === R1),
  );
  expect(new Set(copies.map((lsa) => lsa?.sequence)).size).toBe(1);
});

/** The sequence numbers and whether the VIP is in it, of each router-LSA that a node sends from now on. */
function originations(net: Network, name: string): string[] {
  const seen: string[] = [];
  net.onSend = (from, { body }) => {
    if (from.name !== name || body.kind !== 'lsUpdate') return;
    for (const { header, body: contents } of body.lsas) {
      if (header.type !== LsType.router || header.id !== D || contents.kind !== 'router') continue;
      const hasVip = contents.links.some(({ id }) => id === VIP.prefix.address);
      const row = `${header.sequence - INITIAL_SEQUENCE} ${hasVip ? 'with' : 'without'} the VIP`;
      if (!seen.includes(row)) seen.push(row);
    }
  };
  return seen;
}

const EXTERNAL = { ...VIP, lsa: { kind: 'external', metricType: 1, tag: 0 } } as const;

test.each([
  ['in the router-LSA', VIP],
  ['in an LSA of its own', EXTERNAL],
])('nothing remembered, data plane there, late verdicts: a VIP %s is not missed', (_where, vip) => {
  const { net, d, routers } = fourNodes({ inheritLimit: 6000 }, [vip]);
  const fresh = restart(net, d, []);
  net.at(net.now + 4500, () => net.input(fresh, { kind: 'announce', prefixes: [vip] }));
  expect(Math.max(...gaps(net, routers, 8000))).toBeLessThan(50);
  const ends = fresh.logged('restart').flatMap(({ effect }) => (effect.step === 'ended' ? [effect.detail] : []));
  expect(ends).toEqual(['all that was announced is wanted again']);
});

test('it says nothing of its own until all that was announced is wanted, and then nothing new', () => {
  const second = { ...EXTERNAL, prefix: { address: ipv4('203.0.113.11'), length: 32 } };
  const { net, d } = fourNodes({ inheritLimit: 6000 }, [VIP, second]);
  const fresh = restart(net, d, []);
  const sent = originations(net, fresh.name);
  net.run(2000);
  net.input(fresh, { kind: 'announce', prefixes: [VIP] });
  net.run(2000);
  expect(fresh.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['full', 'full']);
  expect(sent).toEqual([]);
  net.input(fresh, { kind: 'announce', prefixes: [VIP, second] });
  net.run(100);
  expect(sent).toHaveLength(1);
  expect(sent[0]).toContain('with the VIP');
});

test('what is not wanted again in time is withdrawn, and waited for once only', () => {
  const { net, d, routers } = fourNodes({ inheritLimit: 6000 });
  const fresh = restart(net, d, []);
  net.run(5900);
  expect(routers.map((router, at) => leadsTo(router, `10.1.${at}.1`))).toEqual([true, true]);
  // The longest of the routers' own back-off.
  net.run(1300);
  expect(routers.map((router, at) => leadsTo(router, `10.1.${at}.1`))).toEqual([false, false]);
  expect(fresh.logged('restart').at(-1)?.effect.detail).toBe('1 prefixes are not wanted in time');
});

test('without a data plane an earlier announcement is outdone at once', () => {
  const { net, d, routers } = fourNodes({ inheritLimit: 0 });
  const fresh = restart(net, d, []);
  const sent = originations(net, fresh.name);
  let attracted = 0;
  for (let passed = 0; passed < 3000; passed++) {
    net.run(1);
    if (routers.some((router, at) => router.fullAt(D)! > net.now - passed && leadsTo(router, `10.1.${at}.1`)))
      attracted++;
  }
  expect(sent[0]).toContain('without the VIP');
  // Their own back-off between two computations is in it.
  expect(attracted).toBeLessThan(200);
  net.input(fresh, { kind: 'announce', prefixes: [VIP] });
  net.run(1500);
  expect(routers.map((router, at) => leadsTo(router, `10.1.${at}.1`))).toEqual([true, true]);
});
