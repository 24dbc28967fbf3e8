import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeLinks } from '../../../src/drivers/links/fake.ts';
import { Peer } from '../dataplane/netns.ts';
import { Namespace } from '../ospf-socket/namespace.ts';
import { type LinkWorld, linkContract } from './suite.ts';

describe('link control: fake', () => {
  let fake: FakeLinks;
  beforeEach(() => {
    fake = new FakeLinks();
    fake.links.set('up0', false).set('up1', false);
  });
  linkContract(() => ({
    control: fake,
    addDefaultRoute: (_metric, links) => {
      fake.routes = [...fake.routes, links];
    },
  }));
});

describe('link control: kernel', () => {
  let namespace: Namespace;
  let peer: Peer;
  beforeEach(() => {
    namespace = new Namespace('hl');
    for (const [name, address] of [
      ['up0', '10.1.0.1/24'],
      ['up1', '10.1.1.1/24'],
    ]) {
      namespace.ip(`link add ${name} type veth peer name ${name}p`);
      namespace.ip(`link set ${name}p up`);
      namespace.ip(`addr add ${address} dev ${name}`);
    }
    peer = new Peer(namespace.name, '../links/links-main', []);
  });
  afterEach(async () => {
    await peer.kill();
    namespace.remove();
  });

  const kernel = (): LinkWorld => ({
    control: {
      isEnabled: async (name) => (await peer.call<boolean | null>('isEnabled', { name })) ?? undefined,
      enable: (name, up) => peer.call('enable', { name, up }),
      defaultRoutes: () => peer.call('defaultRoutes'),
    },
    addDefaultRoute(metric, links) {
      const hops = links.map((name) => `nexthop via 10.1.${name.slice(2)}.2`).join(' ');
      namespace.ip(`route add default metric ${metric} ${hops}`);
    },
  });
  linkContract(kernel);

  test('blackholes, other tables and our own routes are no default routes of others', async () => {
    await kernel().control.enable('up0', true);
    namespace.ip('route add blackhole default');
    namespace.ip('route add default via 10.1.0.2 table 100');
    namespace.ip('route add default via 10.1.0.2 metric 7 proto 217');
    expect(await kernel().control.defaultRoutes()).toEqual([]);
  });
});
