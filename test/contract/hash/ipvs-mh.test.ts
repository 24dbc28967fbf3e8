/**
 * The kernel's own `mh` tables, configured by ipvsadm and met by datagrams, beside what is computed in user space: on Debian 12's
 * kernel and on Debian 13's. The kernel says in /proc/net/ip_vs_conn whom each flow was given.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { type Guest, startGuest } from '../../../lab/runtimes/guest.ts';
import { KERNELS } from '../../../lab/runtimes/lab.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { type IpvsServer, ipvsMhServer, ipvsMhTable } from '../../../src/core/hash/ipvs-mh.ts';
import { given } from './datagrams.ts';

const FLOWS = 1000;
/** Sources of the flows of each case, spread over 100 clients and ports as Linux clients choose them. */
const sources = Array.from({ length: FLOWS }, (_, i) => [ipv4('198.51.100.1') + (i % 100), 32768 + 2 * i] as const);

interface Case {
  readonly name: string;
  /** By server, in the order in which the kernel lists them; the ports of a service and of its servers are the same. */
  readonly weights: readonly number[];
  readonly drained?: readonly number[];
  readonly byAddress?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'equal weights', weights: [1, 1, 1] },
  { name: 'weights 1, 2, 4', weights: [1, 2, 4] },
  { name: 'weights with a common factor, and one too light for its bits', weights: [300, 6400, 1] },
  { name: 'by address alone', weights: [1, 1, 1, 1, 1], byAddress: true },
  { name: 'one server drained', weights: [1, 2, 4], drained: [1] },
  { name: 'all drained but one', weights: [3, 1, 1, 1, 2, 1], drained: [0, 1, 2, 4, 5] },
  { name: 'twenty servers', weights: Array.from({ length: 20 }, (_, i) => 1 + (i % 3)) },
];

const vip = (index: number): Ipv4 => ipv4('203.0.113.1') + index;
const serverOf = (index: number): Ipv4 => ipv4('10.2.0.21') + index;
const port = 5353;

/** The kernel puts a new destination before the others; one that was never more than drained has no slots. */
function commands({ weights, drained = [], byAddress = false }: Case, index: number): string {
  const service = `-u ${formatIpv4(vip(index))}:${port}`;
  const flags = byAddress ? 'mh-fallback' : 'mh-fallback,mh-port';
  const server = (at: number, weight: number) => `${service} -r ${formatIpv4(serverOf(at))}:${port} -m -w ${weight}`;
  return [
    `-A ${service} -s mh -b ${flags}`,
    ...weights.map((_, i) => weights.length - 1 - i).map((at) => `-a ${server(at, weights[at]!)}`),
    ...drained.map((at) => `-e ${server(at, 0)}`),
  ].join('\n');
}

function computed({ weights, drained = [], byAddress = false }: Case): readonly string[] {
  const servers: IpvsServer[] = weights.map((weight, at) => ({ address: serverOf(at), port, weight }));
  const table = ipvsMhTable(servers);
  const takes = weights.map((_, at) => !drained.includes(at));
  return sources.map(([client, sport]) => {
    const met = ipvsMhServer(table, takes, client, byAddress ? 0 : sport);
    return `${formatIpv4(client)}:${sport} -> ${servers[met] === undefined ? 'none' : formatIpv4(servers[met].address)}`;
  });
}

describe.each(KERNELS)('Linux %s', (kernel) => {
  let guest: Guest;
  let flows: ReadonlyMap<Ipv4, readonly string[]>;

  async function said(argv: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await guest.exec(argv, { input, deadline: 60_000 });
    expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
    return stdout;
  }

  beforeAll(async () => {
    guest = await startGuest({ name: 'mh', kernel });
    const network = ['link add nowhere type dummy', 'link set nowhere up', 'addr add 10.2.0.1/24 dev nowhere'];
    const own = ['link set lo up', 'route add local 203.0.113.0/24 dev lo', 'route add local 198.51.100.0/24 dev lo'];
    await said(['modprobe', '-a', 'dummy', 'ip_vs']);
    await said(['ip', '-batch', '-'], [...network, ...own].join('\n'));
    await said(['ipvsadm', '--restore'], `${CASES.map(commands).join('\n')}\n`);
    const orders = CASES.map((_, index) => ({
      ...{ address: formatIpv4(vip(index)), port },
      sources: sources.map(([client, sport]) => [formatIpv4(client), sport]),
    }));
    await said(['node', join(projectRoot, 'dist/test/contract/hash/datagrams-main.js')], JSON.stringify(orders));
    flows = given(await said(['cat', '/proc/net/ip_vs_conn']));
  }, 120_000);

  afterAll(() => guest?.down());

  test.each(CASES.map((one, index) => ({ ...one, index })))(`${FLOWS} flows, $name`, (one) => {
    const [kernels, ours] = [flows.get(vip(one.index)), computed(one)];
    expect(kernels).toHaveLength(FLOWS);
    expect(kernels!.toSorted()).toEqual(ours.toSorted());
  });
});
