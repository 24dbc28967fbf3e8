import { expect, test } from 'vitest';
import { Announcer } from '../../../src/agent/announcer.ts';
import { EventLog } from '../../../src/agent/events.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { AS_STUB } from '../../../src/core/model/routing.ts';
import { FakeSpeaker } from '../../../src/drivers/routing/fake.ts';
import { FakeClock } from './fake-clock.ts';

const [OUTSIDE, INSIDE, OWN] = [ipv4('203.0.113.10'), ipv4('10.9.0.10'), ipv4('10.8.0.1')];
const POOL = ipv4('203.0.113.20');

test('a VIP inside is announced where the own addresses are, and changes sides at once', async () => {
  const announcer = new Announcer(new EventLog(new FakeClock()));
  const [outside, inside] = [new FakeSpeaker('outside', []), new FakeSpeaker('inside', [])];
  await Promise.all([outside.start(), inside.start()]);
  announcer.add(outside, ['vip']);
  announcer.add(inside, ['local']);
  announcer.setInside(new Set([INSIDE]));
  announcer.setOwn([{ address: OWN, class: 'local', shared: false, metric: 10 }]);
  announcer.set(new Map([OUTSIDE, INSIDE].map((vip) => [vip, { metric: 10, lsa: AS_STUB }])), new Map());
  announcer.publish();
  const told = (speaker: FakeSpeaker) => speaker.announced().map(({ prefix }) => formatIpv4(prefix.address));
  expect([told(outside), told(inside)]).toEqual([['203.0.113.10'], ['10.9.0.10', '10.8.0.1']]);
  expect([announcer.classOf(OUTSIDE), announcer.classOf(INSIDE)]).toEqual(['vip', 'local']);

  announcer.setInside(new Set());
  announcer.publish();
  expect([told(outside), told(inside)]).toEqual([['203.0.113.10', '10.9.0.10'], ['10.8.0.1']]);
});

test('addresses of a pool are announced by those who announce the class, and are good as no forwarding address', async () => {
  const announcer = new Announcer(new EventLog(new FakeClock()));
  const [outside, inside] = [new FakeSpeaker('outside', []), new FakeSpeaker('inside', [])];
  await Promise.all([outside.start(), inside.start()]);
  announcer.add(outside, ['vip', 'snat']);
  announcer.add(inside, ['local']);
  announcer.setOwn([
    { address: OWN, class: 'local', shared: true, metric: 110 },
    { address: POOL, class: 'snat', shared: true, metric: 10 },
  ]);
  announcer.publish();
  announcer.update();
  const told = (speaker: FakeSpeaker) =>
    speaker.announced().map(({ prefix, local, metric }) => [prefix.address, local, metric]);
  expect([told(outside), told(inside)]).toEqual([[[POOL, undefined, 10]], [[OWN, undefined, 110]]]);
  expect([...announcer.heardLocal()].sort()).toEqual([OWN, POOL].sort());
  expect(announcer.heard().size).toBe(0);
});
