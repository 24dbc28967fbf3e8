/** What `sluice doctor` makes of what it reads. */
import { expect, test } from 'vitest';
import {
  type ConntrackTable,
  judgeConntrack,
  judgeFeature,
  judgeIpvs,
  judgeNft,
  judgeSysctl,
  judgeTun,
} from '../../../src/core/dataplane/findings.ts';
import { IPVS_SYSCTLS, sysctlRules } from '../../../src/core/dataplane/sysctls.ts';

const GIB = 2 ** 30;
const healthy: ConntrackTable = { entries: 1000, max: 262_144, buckets: 262_144, memory: 4 * GIB };
const verdicts = (table: Partial<ConntrackTable>) =>
  judgeConntrack({ ...healthy, ...table }).map(({ verdict }) => verdict);

test('the table of connections: fill, bound beside the memory, length of lists', () => {
  expect(verdicts({})).toEqual(['met', 'met', 'met']);
  expect(verdicts({ entries: 0.79 * 262_144 })[0]).toBe('met');
  expect(verdicts({ entries: 0.8 * 262_144 })[0]).toBe('warning');
  expect(verdicts({ entries: 0.95 * 262_144 })[0]).toBe('missing');
  expect(verdicts({ memory: 256 * 2 ** 20 })).toEqual(['met', 'met', 'met']);
  expect(verdicts({ memory: 255 * 2 ** 20 })).toEqual(['met', 'warning', 'met']);
  expect(verdicts({ buckets: 65_535 })).toEqual(['met', 'met', 'warning']);
});

test('whatever is not met says what to do, and how', () => {
  const [fill, bound, lists] = judgeConntrack({ ...healthy, entries: 262_000, memory: GIB / 16, buckets: 1024 });
  expect(fill?.todo).toBe(
    'sysctl -w net.netfilter.nf_conntrack_max=524288; or shorter timeouts of the services that fill it',
  );
  expect(bound?.todo).toBe('sysctl -w net.netfilter.nf_conntrack_max=65536, in the first network namespace');
  expect(lists?.todo).toBe('echo 262144 > /sys/module/nf_conntrack/parameters/hashsize');
});

test('a setting: what it is, what it was before an agent set it, what it should be', () => {
  const rule = sysctlRules(['eth0'], '432000').find(({ path }) => path.at(-1) === 'rp_filter')!;
  const changed = { path: rule.path, before: '1', written: '2' };
  const name = 'net.ipv4.conf.eth0.rp_filter';
  expect(judgeSysctl(rule, '1', [])).toMatchObject({
    name,
    value: '1',
    wanted: '0 or 2',
    verdict: 'missing',
    todo: `an agent sets it when it starts; by hand: sysctl -w ${name}=2`,
  });
  expect(judgeSysctl(rule, '2', [changed])).toMatchObject({
    value: '2 (was 1 before the agent set it)',
    verdict: 'met',
    todo: null,
  });
  expect(judgeSysctl(rule, '0', [changed]).value).toBe('0');
});

test('settings of IPVS are for those who have that data plane', () => {
  const rule = IPVS_SYSCTLS.find(({ path }) => path.at(-1) === 'sloppy_tcp')!;
  expect(judgeSysctl(rule, '0', [], 'dataplane: ipvs')).toMatchObject({
    name: 'net.ipv4.vs.sloppy_tcp',
    verdict: 'warning',
    why: 'dataplane: ipvs: a TCP connection that another director began is picked up in mid-life',
  });
  expect(judgeSysctl(rule, '1', [], 'dataplane: ipvs').verdict).toBe('met');
  expect([judgeIpvs(true).value, judgeIpvs(false).value, judgeIpvs(false).verdict]).toEqual([
    'loaded',
    'not loaded',
    'met',
  ]);
});

test('a feature that only some services need is a warning; one that all need is missing', () => {
  expect(judgeFeature('jhash', undefined, undefined).verdict).toBe('met');
  expect(judgeFeature('jhash', undefined, 'no').verdict).toBe('missing');
  expect(judgeFeature('dup', 'hand-over', 'no')).toMatchObject({ verdict: 'warning', why: 'needed for hand-over' });
});

test.each([
  ['1.0.6', 'met'],
  ['1.1.3', 'met'],
  ['1.0', 'warning'],
  ['0.9.8', 'warning'],
  [undefined, 'missing'],
])('nft %s: %s', (version, verdict) => {
  expect(judgeNft(version).verdict).toBe(verdict);
});

test('without TUN devices everything works but the second chance of packets, and the doctor says how to get them', () => {
  expect(judgeTun(undefined)).toMatchObject({ verdict: 'met', todo: null });
  expect(judgeTun('ENOENT')).toMatchObject({
    value: 'ENOENT',
    verdict: 'warning',
    todo: expect.stringContaining('modprobe tun'),
  });
});
