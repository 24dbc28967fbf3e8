/** `sluice doctor` in a director's namespace: before an agent, beside a data plane, and without touching anything. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DoctorDocument } from '../../../src/api/documents.ts';
import { Network, type Node } from './netns.ts';
import { netnsBench } from './netns-bench.ts';
import { EVEN, only, servers, web } from './suite.ts';

const network = new Network(`dc${process.pid}`);
const bench = netnsBench(network);
const PROGRAM = fileURLToPath(new URL('../../../dist/src/bin/sluice.js', import.meta.url));

async function doctor(node: Node): Promise<DoctorDocument & { readonly code: string }> {
  const script = '"$0" "$1" doctor --json; echo "$?"';
  const lines = (await network.in(node, ['sh', '-c', script, process.execPath, PROGRAM])).trimEnd().split('\n');
  return { code: lines.at(-1) ?? '', ...(JSON.parse(lines.slice(0, -1).join('\n')) as DoctorDocument) };
}

const missing = ({ findings }: DoctorDocument) =>
  findings.filter(({ verdict }) => verdict === 'missing').map(({ name }) => name);

describe('doctor', () => {
  beforeAll(async () => {
    await bench.up();
    await bench.apply(only(web(servers(EVEN))));
  });
  afterAll(() => bench.down());

  test('on a host that no agent has touched: settings are missing, nothing else, and nothing is touched', async () => {
    const settings = ['sh', '-c', 'grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/ip_forward; nft list ruleset'];
    await network.in('d2', ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=0', 'net.ipv4.conf.back.rp_filter=1']);
    const before = await network.in('d2', settings);
    const document = await doctor('d2');
    expect(document.code).toBe('1');
    expect(missing(document)).toEqual(
      expect.arrayContaining([
        'net.ipv4.ip_forward',
        'net.netfilter.nf_conntrack_events',
        'net.netfilter.nf_conntrack_tcp_timeout_unacknowledged',
        'net.ipv4.conf.back.rp_filter',
      ]),
    );
    expect(document.findings.filter(({ area, verdict }) => area !== 'sysctl' && verdict !== 'met')).toEqual([]);
    expect(await network.in('d2', settings)).toBe(before);
  });

  test('where the data plane is, nothing is missing; it is not disturbed', async () => {
    const generation = await bench.generation();
    const document = await doctor('d1');
    expect(missing(document)).toEqual([]);
    expect(document.code).toBe('0');
    expect(document.findings.find(({ name }) => name === 'source ports by offset')?.value).toBe('yes');
    expect(await bench.generation()).toBe(generation);
  });
});
