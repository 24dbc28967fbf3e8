/** Two versions of nft on one kernel: what one has loaded the other reads, adopts and changes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApplyReport } from '../../../src/drivers/dataplane/port.ts';
import { everyFeature } from './every-feature.ts';
import { Network, type Peer } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { NFT_ROOTS, type NftRoot, nftVersion, pathWith } from './nft-programs.ts';
import { EVEN, freshPorts, predicted, servers, VIP, web } from './suite.ts';

const network = new Network(`nv${process.pid}`);
const bench = netnsBench(network);
const desired = everyFeature();
const service = web(servers(EVEN));
const changed = {
  ...desired,
  services: desired.services.map((one) =>
    one.name === 'web' ? { ...one, servers: servers(EVEN, { s2: 'down' }) } : one,
  ),
};
const everyName = desired.services.map(({ name }) => name);
const NOTHING_DONE: ApplyReport = { programmed: everyName, operations: [], drift: false };

let driver: Peer;

async function startWith(root: NftRoot): Promise<void> {
  await driver?.kill();
  driver = network.startUnder(['env', `PATH=${await pathWith(root)}`], 'd1', 'driver-main');
  await driver.call('open');
}

async function nft(root: NftRoot, ...args: readonly string[]): Promise<string> {
  return network.in('d1', ['env', `PATH=${await pathWith(root)}`, 'nft', ...args]);
}

describe('two versions of nft', () => {
  beforeAll(() => bench.up());
  afterAll(() => bench.down());

  test('they are two', async () => {
    const versions = await Promise.all(NFT_ROOTS.map(async (root) => nftVersion(await pathWith(root))));
    expect(versions.map((version) => version.slice(0, 4))).toEqual(['1.0.', '1.1.']);
  });

  describe.each([
    ['nft-1.0', 'nft-1.1'],
    ['nft-1.1', 'nft-1.0'],
  ] as const)('%s loads, %s follows', (first, second) => {
    const old = freshPorts(30);
    const expected = predicted(service, old, 30);

    test('what the first loads is programmed, and packets go by it', async () => {
      await bench.remove();
      await startWith(first);
      expect((await driver.call<ApplyReport>('apply', { desired })).programmed).toEqual(everyName);
      expect(await bench.connect(old, 30)).toEqual(expected);
      const dns = desired.services.find(({ name }) => name === 'dns')!;
      const sport = freshPorts(10);
      expect(await bench.connect(sport, 10, { vip: VIP, port: 53, protocol: 'udp' })).toEqual(
        predicted(dns, sport, 10),
      );
    });

    test('the second lists it, as text and as JSON, and so does the first', async () => {
      for (const root of [first, second]) {
        expect(await nft(root, 'list', 'ruleset')).toContain('map slots_web');
        const { nftables } = JSON.parse(await nft(root, '-j', 'list', 'ruleset')) as { nftables: unknown[] };
        expect(nftables.length).toBeGreaterThan(10);
      }
    });

    test('the second adopts it: no operation, no drift, no connection lost', async () => {
      await startWith(second);
      expect(await driver.call('apply', { desired })).toEqual(NOTHING_DONE);
      expect(await bench.ask(old, 30)).toEqual(expected);
    });

    test('the second changes it, and the first adopts the change', async () => {
      const report = await driver.call<ApplyReport>('apply', { desired: changed });
      expect(report.programmed).toEqual(everyName);
      expect(report.operations).toHaveLength(1);
      await startWith(first);
      expect(await driver.call('apply', { desired: changed })).toEqual(NOTHING_DONE);
      expect(await bench.ask(old, 30)).toEqual(expected);
      const sport = freshPorts(60);
      const now = predicted(changed.services[0]!, sport, 60);
      expect(now).not.toContain('s2');
      expect(await bench.connect(sport, 60)).toEqual(now);
    });

    test('either writes rules anew by maps of ports that the other has declared', async () => {
      // With its peer's blocks a director has more than the smaller map holds: rules and declaration stay, the modulus does not.
      const alone = { ...changed, members: ['d1'] };
      for (const [root, next] of [
        [second, alone],
        [first, changed],
      ] as const) {
        await startWith(root);
        const report = await driver.call<ApplyReport>('apply', { desired: next });
        expect(report.operations).toContain('sluice_v1 blocks: add map');
        expect(report.programmed).toEqual(everyName);
        expect(await driver.call('apply', { desired: next })).toEqual(NOTHING_DONE);
      }
    });

    test('what either has changed by hand is drift to the other, and repaired', async () => {
      await nft(second, 'delete', 'element', 'ip', 'sluice_v1', 'slots_web', '{', '7', '}');
      const report = await driver.call<ApplyReport>('apply', { desired: changed });
      expect(report).toMatchObject({ programmed: everyName, drift: true });
      expect(await driver.call('apply', { desired: changed })).toEqual(NOTHING_DONE);
    });
  });
});
