/** Source ports by offset, with the kernel: written beside nft, read back, and what packets get. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { NFT_MSG_NEWRULE } from '../../../src/core/dataplane/nft/messages.ts';
import type { Operation } from '../../../src/core/dataplane/plan.ts';
import { type OffsetRule, ruleStamp, ruleText } from '../../../src/core/dataplane/ruleset.ts';
import { slotOf } from '../../../src/core/hash/jhash.ts';
import { FRONT_OF, INSIDE_OF, Network, type Peer } from './netns.ts';
import { pathWith } from './nft-programs.ts';
import { freshPorts } from './suite.ts';

const TABLE = 'sluice_v1';
const SERVER = '10.2.0.21';
const SEED = 0x51;
const SLOTS = 7;
/** The first port of each slot's block of 1,024. */
const low = (slot: number) => 1024 * (slot + 1);

const rule = (protocol: string): OffsetRule => ({
  text: `meta l4proto ${protocol} snat ip to jhash ip saddr . th sport mod ${SLOTS} seed ${SEED} map @blocks`,
  portOffset: true,
});
const RULES = ['counter', rule('tcp'), rule('udp')] as const;
const BLOCKS = Array.from({ length: SLOTS }, (_, slot) => {
  return [String(slot), `${INSIDE_OF.d1} . ${low(slot)}-${low(slot) + 1023}`] as const;
});

const DECLARATION = `typeof numgen inc mod ${SLOTS} : interval ip saddr . th sport`;
const at = { table: TABLE, name: 'postrouting' };
const OPERATIONS: readonly Operation[] = [
  { kind: 'add-table', table: TABLE },
  {
    kind: 'add-set',
    table: TABLE,
    name: 'blocks',
    set: 'map',
    declaration: DECLARATION,
  },
  { kind: 'add-chain', ...at, base: { type: 'nat', hook: 'postrouting', priority: 100 } },
  { kind: 'set-rules', ...at, rules: RULES },
  { kind: 'elements', table: TABLE, name: 'blocks', size: SLOTS, remove: [], add: new Map(BLOCKS) },
];

/** As `tables-main` reads it. */
const asJson = (one: Operation) => (one.kind === 'elements' ? { ...one, add: [...one.add] } : one);

const network = new Network(`po${process.pid}`);
let tables: Peer;
let client: Peer;
let server: Peer;

const stamps = () => tables.call<string[]>('stamps', { table: TABLE, chain: 'postrouting' });

function predicted(sport: number): string {
  const slot = slotOf(ipv4(FRONT_OF.cl), sport, SEED, SLOTS);
  return `${INSIDE_OF.d1}:${low(slot) + (sport % 1024)}`;
}

/** Goes out from consecutive ports to the server, and says whom it saw, in the order of the ports. */
async function seen(protocol: 'tcp' | 'udp', sport: number, count: number): Promise<readonly string[]> {
  await server.call('peers');
  const target = { source: FRONT_OF.cl, vip: SERVER, port: 80, timeout: 3000 };
  for (let i = 0; i < count; i++) {
    if (protocol === 'udp') await client.call('udp', { ...target, sport: sport + i, count: 1 });
    else await client.call('open', { ...target, sport: sport + i, keys: [`${sport + i}`] });
  }
  return server.call<string[]>('peers');
}

const ports = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

describe('source ports by offset', () => {
  beforeAll(async () => {
    await network.up();
    await network.in('cl', ['ip', 'route', 'add', '10.2.0.0/24', 'via', '10.1.0.11']);
    await network.in('d1', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    tables = network.start('d1', 'tables-main');
    client = network.start('cl', 'client-main');
    server = network.start('s1', 'server-main', 's1', '80');
    await server.call('ready');
    expect(await tables.call('write', { operations: OPERATIONS.map(asJson) })).toEqual({ transactions: 2 });
  });
  afterAll(() => network.down());

  test('the rules are read back as having it, and only those that were to', async () => {
    expect(await stamps()).toEqual(RULES.map(ruleStamp));
  });

  test('address and port are the block’s of the hash, and its first port plus the client’s modulo 1,024', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      const sport = freshPorts(40);
      expect(await seen(protocol, sport, 40)).toEqual(ports(sport, 40).map(predicted));
    }
  });

  test('a table that was listed and loaded again has lost it, and that is seen', async () => {
    const nft = ['env', `PATH=${await pathWith('nft-1.0')}`, 'nft'];
    const listing = await network.in('d1', [...nft, 'list', 'chain', 'ip', TABLE, 'postrouting']);
    expect(listing).toContain('port-offset');
    // The chain only: nft 1.0.6 does not take the map's declaration as it lists it, and nft 1.1.3 neither of the two.
    await network.in('d1', [...nft, '-f', '-'], `flush chain ip ${TABLE} postrouting\n${listing}`);
    expect(await stamps()).toEqual(RULES.map((one) => ruleStamp(ruleText(one))));
    const remade: readonly Operation[] = [
      { kind: 'flush-chain', ...at },
      { kind: 'delete-set', table: TABLE, name: 'blocks', set: 'map' },
    ];
    const operations = [...remade, ...OPERATIONS.filter(({ kind }) => kind !== 'add-table')];
    await tables.call('write', { operations: operations.map(asJson) });
    expect(await stamps()).toEqual(RULES.map(ruleStamp));
  });

  test('the kernel says which message of a batch it refuses, and takes none of them', async () => {
    const before = await tables.call<number>('generation');
    // nfgenmsg of family ip, then NFTA_RULE_TABLE "none" and NFTA_RULE_CHAIN "none".
    const noSuchTable = '02000000' + '090001006e6f6e6500000000' + '090002006e6f6e6500000000';
    const message = { type: NFT_MSG_NEWRULE, flags: 0x400, payload: noSuchTable };
    const outcome = await tables.call('batch', { messages: [message, message] });
    expect(outcome).toEqual({ errno: 'ENOENT', message: 0 });
    expect(await tables.call('batch', { messages: [], generation: before + 7 })).toEqual({ errno: 'ERESTART' });
    expect(await tables.call<number>('generation')).toBe(before);
  });
});
