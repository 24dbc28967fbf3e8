import { expect, test } from 'vitest';
import {
  decodeChanges,
  encodeChanges,
  sysctlName,
  sysctlRules,
  withChange,
} from '../../../src/core/dataplane/sysctls.ts';

const FIVE_DAYS = '432000';

function ruleFor(name: string, established = FIVE_DAYS) {
  const rule = sysctlRules(['eth0'], established).find(({ path }) => path.at(-1) === name);
  if (rule === undefined) throw new Error(name);
  return rule;
}

test('strict reverse path filtering is loosened; off and loose are left alone', () => {
  const rule = ruleFor('rp_filter');
  expect(['0', '1', '2'].map((value) => rule.accepts(value))).toEqual([true, false, true]);
  expect(rule.value).toBe('2');
});

test('what is never acknowledged here lasts as long as an established connection, whatever the operator has made of that', () => {
  const rule = ruleFor('nf_conntrack_tcp_timeout_unacknowledged', '7200');
  expect(rule.value).toBe('7200');
  expect(['300', '7199', '7200', FIVE_DAYS].map((value) => rule.accepts(value))).toEqual([false, false, true, true]);
});

test('names print as sysctl(8) writes them, also for VLAN interfaces', () => {
  const names = sysctlRules(['eth0.100'], FIVE_DAYS).map(({ path }) => sysctlName(path));
  expect(names).toEqual([
    'net.ipv4.ip_forward',
    'net.netfilter.nf_conntrack_tcp_loose',
    'net.netfilter.nf_conntrack_tcp_be_liberal',
    'net.netfilter.nf_conntrack_events',
    'net.netfilter.nf_conntrack_tcp_timeout_unacknowledged',
    'net.ipv4.conf.eth0/100.rp_filter',
    'net.ipv4.conf.eth0/100.send_redirects',
  ]);
});

const forward = { path: ['net', 'ipv4', 'ip_forward'], before: '0', written: '1' };
const filter = { path: ['net', 'ipv4', 'conf', 'eth0.100', 'rp_filter'], before: '1', written: '2' };

test('a setting changed twice goes back to what somebody set in between', () => {
  const again = { ...filter, before: '0' };
  expect(withChange([filter, forward], again)).toEqual([forward, again]);
});

test('what was changed is remembered for the same boot and namespace only', () => {
  const text = encodeChanges('boot-1 net:7', [forward, filter]);
  expect(decodeChanges('boot-1 net:7', text)).toEqual([forward, filter]);
  expect(decodeChanges('boot-2 net:7', text)).toEqual([]);
});

test.each([
  ['no JSON', '{'],
  ['another version', '{"version":2,"host":"h","changes":[]}'],
  ['a path that leads elsewhere', encodeChanges('h', [{ ...forward, path: ['..', '..', 'etc', 'passwd'] }])],
  ['a part with a slash', encodeChanges('h', [{ ...forward, path: ['net/ipv4'] }])],
  ['no value', '{"version":1,"host":"h","changes":[{"path":["net"],"before":"0"}]}'],
])('a file that makes no sense (%s) puts nothing back', (_what, text) => {
  expect(decodeChanges('h', text)).toEqual([]);
});
