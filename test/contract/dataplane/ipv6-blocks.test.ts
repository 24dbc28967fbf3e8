/** Port blocks for IPv6 with the kernel: the rule that nft gets wrong, by netlink, and real packets. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeIpv6BlocksRule } from '../../../src/core/dataplane/nft/ipv6-blocks.ts';
import { NFT_MSG_NEWRULE } from '../../../src/core/dataplane/nft/messages.ts';
import { jhash, scaleToSlots } from '../../../src/core/hash/jhash.ts';
import { NLM_F_APPEND, NLM_F_CREATE } from '../../../src/core/netlink/codes.ts';
import { Network, type Peer } from './netns.ts';
import { freshPorts } from './suite.ts';

const CLIENT = 'fd00:1::2';
const DIRECTOR = { front: 'fd00:1::11', back: 'fd00:2::11' };
const SERVER = 'fd00:2::21';
const LIPS = ['fd00:2::1:1', 'fd00:2::1:2'] as const;
const [SLOTS, SEED] = [11, 0x51];
const COUNT = 30;

const block = (slot: number) => ({ lip: LIPS[slot % 2]!, low: 1024 * (slot + 1) });

const network = new Network(`b6${process.pid}`);
let tables: Peer;
let client: Peer;
let server: Peer;

/** The key as in the registers: sixteen bytes of address, the port, two zero bytes. */
function slotOf(sport: number): number {
  const key = new Uint8Array(20);
  key.set([0xfd, 0, 0, 1]);
  key[15] = 2;
  key.set([sport >> 8, sport & 0xff], 16);
  return scaleToSlots(jhash(key, SEED), SLOTS);
}

function predicted(sport: number): string {
  const { lip, low } = block(slotOf(sport));
  return `${lip}:${low + (sport % 1024)}`;
}

async function address(node: 'cl' | 'd1' | 's1', link: string, ...addresses: readonly string[]): Promise<void> {
  for (const one of addresses) await network.in(node, ['ip', 'addr', 'add', `${one}/64`, 'dev', link, 'nodad']);
}

describe('port blocks for IPv6', () => {
  beforeAll(async () => {
    await network.up();
    await address('cl', 'front', CLIENT);
    await address('d1', 'front', DIRECTOR.front);
    await address('d1', 'back', DIRECTOR.back, ...LIPS);
    await address('s1', 'back', SERVER);
    await network.in('d1', ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1']);
    await network.in('cl', ['ip', '-6', 'route', 'add', 'fd00:2::/64', 'via', DIRECTOR.front]);
    tables = network.start('d1', 'tables-main');
    client = network.start('cl', 'client-main');
    server = network.start('s1', 'server-main', 's1', `${SERVER}:80`);
    await server.call('ready');
    const elements = Array.from({ length: SLOTS }, (_, slot) => {
      const { lip, low } = block(slot);
      return `${slot} : ${lip} . ${low}-${low + 1023}`;
    });
    const map = `map blocks { typeof numgen inc mod ${SLOTS} : interval ip6 saddr . th sport; elements = { ${elements.join(', ')} }\n}`;
    const chain = 'chain postrouting { type nat hook postrouting priority 100; }';
    await network.in('d1', ['nft', '-f', '-'], `table ip6 sluice_test {\n${map}\n${chain}\n}\n`);
  });
  afterAll(() => network.down());

  test('the rule is taken, and address and port are as predicted', async () => {
    const messages = [6, 17].map((protocol) => {
      const at = { table: 'sluice_test', chain: 'postrouting', map: 'blocks' };
      const rule = encodeIpv6BlocksRule({ ...at, protocol, slots: SLOTS, seed: SEED, comment: 'sluice test' });
      return { type: NFT_MSG_NEWRULE, flags: NLM_F_CREATE | NLM_F_APPEND, payload: Buffer.from(rule).toString('hex') };
    });
    expect(await tables.call('batch', { messages })).toBe('done');
    const sport = freshPorts(COUNT);
    const ports = Array.from({ length: COUNT }, (_, i) => sport + i);
    for (const port of ports) {
      const target = { source: CLIENT, vip: SERVER, port: 80, timeout: 3000 };
      await client.call('open', { ...target, sport: port, keys: [String(port)] });
    }
    expect(await server.call('peers')).toEqual(ports.map(predicted));
  });

  test('what nft makes of the same rule is refused by this kernel, or translates otherwise', async () => {
    // nft 1.1.3 does not even get there: it takes a rule by a map of ports only together with the map.
    const text = `meta l4proto tcp snat ip6 to jhash ip6 saddr . th sport mod ${SLOTS} seed ${SEED} map @blocks`;
    const rule = `add chain ip6 sluice_test plain { type nat hook postrouting priority 100; }\nadd rule ip6 sluice_test plain ${text}\n`;
    await expect(network.in('d1', ['nft', '-c', '-f', '-'], rule)).rejects.toThrow(
      /No data available|conflicting transport/,
    );
  });
});
