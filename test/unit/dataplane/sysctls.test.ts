import { expect, test } from 'vitest';
import { sysctlName, sysctlRules } from '../../../src/core/dataplane/sysctls.ts';

test('strict reverse path filtering is loosened; off and loose are left alone', () => {
  const rule = sysctlRules(['eth0']).find(({ path }) => path.at(-1) === 'rp_filter');
  expect(['0', '1', '2'].map((value) => rule?.accepts(value))).toEqual([true, false, true]);
  expect(rule?.value).toBe('2');
});

test('names print as sysctl(8) writes them, also for VLAN interfaces', () => {
  const names = sysctlRules(['eth0.100']).map(({ path }) => sysctlName(path));
  expect(names).toEqual([
    'net.ipv4.ip_forward',
    'net.netfilter.nf_conntrack_tcp_loose',
    'net.netfilter.nf_conntrack_tcp_be_liberal',
    'net.ipv4.conf.eth0/100.rp_filter',
    'net.ipv4.conf.eth0/100.send_redirects',
  ]);
});
