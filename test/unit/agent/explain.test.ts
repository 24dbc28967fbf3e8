import { expect, test } from 'vitest';
import { explain } from '../../../src/agent/explain.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';

test.each([
  [
    new KernelError('exec', { program: 'nft', errno: 'ENOENT' }),
    'exec program=nft: ENOENT; the program nft is needed: apt-get install nftables',
  ],
  [
    new KernelError('ospf-open', { interface: 'eth1', errno: 'EPERM' }),
    'ospf-open interface=eth1: EPERM; the agent needs root, or the capabilities NET_ADMIN and NET_RAW',
  ],
  [new KernelError('dataplane-probe', { feature: 'jhash', text: 'missing' }), 'dataplane-probe feature=jhash: missing'],
  [
    Object.assign(new Error("EACCES: permission denied, mkdir '/run/sluice'"), { code: 'EACCES' }),
    "EACCES: permission denied, mkdir '/run/sluice'; the agent needs root, or the capabilities NET_ADMIN and NET_RAW",
  ],
  [new Error('something else'), 'something else'],
])('%s', (error, text) => expect(explain(error)).toBe(text));
