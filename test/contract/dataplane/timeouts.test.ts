/** How long conntrack keeps the connections of a service: objects in the kernel, and what they do to real connections. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import type { Timeouts } from '../../../src/core/model/timeouts.ts';
import { fakeBench } from './fake-bench.ts';
import { marked } from './fwmark-suite.ts';
import { Network } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { type Bench, EVEN, freshPorts, only, servers, VIP, web } from './suite.ts';

const UDP = { vip: VIP, port: 53, protocol: 'udp' } as const;
const OBJECTS = /timeouts_(tcp|udp)_\w{8}/g;

function timed(timeouts: Timeouts): DesiredService {
  return { ...web(servers(EVEN)), timeouts };
}

const dns = (timeouts: Timeouts): DesiredService => ({ ...timed(timeouts), name: 'dns', ports: [53], protocol: 'udp' });

function timeoutsContract(name: string, bench: Bench): void {
  describe(`timeouts: ${name}`, () => {
    beforeAll(() => bench.up());
    afterAll(() => bench.down());

    test('timeouts are made with the service, changed by one transaction, and go with it', async () => {
      const operations = async (...services: readonly DesiredService[]) => {
        const report = await bench.apply(only(...services));
        expect(report).toMatchObject({ drift: false, programmed: services.map((service) => service.name) });
        expect(await bench.apply(only(...services))).toMatchObject({ operations: [], drift: false });
        return report.operations.map((line) =>
          line.replaceAll(OBJECTS, 'timeouts_$1').replace(/write \d+ rules/, 'write rules'),
        );
      };
      await bench.apply(only(web(servers(EVEN))));
      expect(await operations(timed({ established: 90, syn_sent: 7 }))).toEqual([
        'sluice_v1 timeouts_tcp: add timeout',
        'sluice_v1 service_web: write rules',
      ]);
      expect(await operations(timed({ established: 91, syn_sent: 7 }))).toEqual([
        'sluice_v1 timeouts_tcp: add timeout',
        'sluice_v1 service_web: write rules',
        'sluice_v1 timeouts_tcp: delete timeout',
      ]);
      expect(await operations(web(servers(EVEN)))).toEqual([
        'sluice_v1 service_web: write rules',
        'sluice_v1 timeouts_tcp: delete timeout',
      ]);
    });

    test('services that say the same have one object together', async () => {
      const [a, b] = [timed({ close: 3 }), { ...timed({ close: 3 }), name: 'b', ports: [443] }];
      const report = await bench.apply(only(a, b));
      expect(report.operations.filter((line) => line.endsWith('add timeout'))).toHaveLength(1);
      expect((await bench.apply(only(b))).operations.filter((line) => line.includes('timeouts'))).toEqual([]);
      expect(await bench.apply(only(b))).toEqual({ programmed: ['b'], operations: [], drift: false });
    });

    test('an agent that starts adopts them', async () => {
      const desired = only(timed({ established: 90 }), dns({ replied: 33 }));
      await bench.apply(desired);
      await bench.restart();
      expect(await bench.apply(desired)).toEqual({ programmed: ['web', 'dns'], operations: [], drift: false });
    });
  });
}

timeoutsContract('fake', fakeBench());
timeoutsContract('nftables', netnsBench(new Network(`to${process.pid}`)));

describe('timeouts: what conntrack makes of them', () => {
  const network = new Network(`tk${process.pid}`);
  const bench = netnsBench(network);
  let tools: string;

  /** Seconds left of the flow from a source port, by its state. */
  async function left(sport: number): Promise<readonly [state: string, seconds: number]> {
    const list = await network.in('d1', ['chroot', tools, 'conntrack', '-L']);
    const line = list.split('\n').find((one) => one.includes(` sport=${sport} `)) ?? '';
    const [, protocol, seconds, word] = /^(tcp|udp)\s+\d+ (\d+) (\S+)/.exec(line) ?? [];
    return [protocol === 'tcp' ? word! : (protocol ?? 'none'), Number(seconds)];
  }

  beforeAll(async () => {
    await bench.up();
    await ensureRoots(['tools'], () => undefined);
    tools = await rootPath('tools');
  });
  afterAll(() => bench.down());

  const expectLeft = async (sport: number, state: string, seconds: number) => {
    const [found, time] = await left(sport);
    expect([found, time > seconds - 5 && time <= seconds ? seconds : time]).toEqual([state, seconds]);
  };

  test('a connection takes the times of its service; what is not named stays as the kernel has it', async () => {
    await bench.apply(only(timed({ established: 90, close: 44 }), dns({ unreplied: 44, replied: 77 })));
    const sport = freshPorts(1);
    await bench.connect(sport, 1);
    await expectLeft(sport, 'ESTABLISHED', 90);
    await bench.client().call('close', { keys: [String(sport)] });
    await expectLeft(sport, 'CLOSE', 44);
    const udp = freshPorts(1);
    await bench.connect(udp, 1, UDP);
    await expectLeft(udp, 'udp', 44);
    // A flow counts as replied once it is older than two seconds and still goes both ways.
    const secondsAfterAnother = async () => {
      await bench.connect(udp, 1, UDP);
      return (await left(udp))[1];
    };
    await expect.poll(secondsAfterAnother, { interval: 200, timeout: 5000 }).toBeGreaterThan(44);
    await expectLeft(udp, 'udp', 77);
    await bench.apply(only(web(servers(EVEN))));
    const plain = freshPorts(1);
    await bench.connect(plain, 1);
    await expectLeft(plain, 'ESTABLISHED', 432_000);
  });

  test('a service by mark has times of both protocols', async () => {
    await bench.markPackets(7);
    await bench.apply(only({ ...marked(7), timeouts: { established: 80, unreplied: 20 } }));
    const [tcp, udp] = [freshPorts(1), freshPorts(1)];
    await bench.connect(tcp, 1);
    await bench.connect(udp, 1, UDP);
    await expectLeft(tcp, 'ESTABLISHED', 80);
    await expectLeft(udp, 'udp', 20);
    await bench.markPackets(0);
  });

  test('new times are for new connections; those that are open live on, by the kernel’s own', async () => {
    await bench.apply(only(timed({ established: 90 })));
    const old = freshPorts(1);
    const before = await bench.connect(old, 1);
    await bench.apply(only(timed({ established: 70 })));
    const fresh = freshPorts(1);
    await bench.connect(fresh, 1);
    await expectLeft(fresh, 'ESTABLISHED', 70);
    await expectLeft(old, 'ESTABLISHED', 90);
    expect(await bench.ask(old, 1)).toEqual(before);
    await expectLeft(old, 'ESTABLISHED', 432_000);
  });

  test('another object under the name of ours is found and replaced', async () => {
    const service = timed({ established: 90 });
    await bench.apply(only(service));
    const listing = await network.in('d1', ['nft', 'list', 'table', 'ip', 'sluice_v1']);
    const [object] = OBJECTS.exec(listing) ?? [''];
    const other = `add ct timeout ip sluice_v1 ${object} { protocol tcp; l3proto ip; policy = { established : 5 }; }\n`;
    const swap = `flush chain ip sluice_v1 service_web\ndelete ct timeout ip sluice_v1 ${object}\n${other}`;
    await network.in('d1', ['nft', '-f', '-'], swap);
    const report = await bench.apply(only(service));
    expect(report).toMatchObject({ drift: true, programmed: ['web'] });
    expect(await bench.apply(only(service))).toEqual({ programmed: ['web'], operations: [], drift: false });
    const sport = freshPorts(1);
    await bench.connect(sport, 1);
    await expectLeft(sport, 'ESTABLISHED', 90);
  });
});
