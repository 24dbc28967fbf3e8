import { expect, test } from 'vitest';
import type { Plane } from '../../../src/core/model/plane.ts';
import { choosePlane } from '../../../src/drivers/dataplane/choose.ts';

const BOTH = new Set<Plane>(['ipvs', 'nftables']);
const kernel = (has: boolean) => async () => has;
const asked = () => Promise.reject(new Error('asked'));

test('the file first, then what it needs, then the kernel', async () => {
  const needed = { plane: 'nftables', by: 'services.web.sticky' } as const;
  expect(await choosePlane({ dataplane: 'ipvs' }, BOTH, asked)).toMatchObject({ plane: 'ipvs' });
  expect(await choosePlane({ dataplane: 'auto', planeNeeded: needed }, BOTH, asked)).toEqual({
    plane: 'nftables',
    reason: 'services.web.sticky needs it',
  });
  expect(await choosePlane({ dataplane: 'auto', keys: '/etc/keys' }, BOTH, asked)).toMatchObject({ plane: 'nftables' });
  expect(await choosePlane({ dataplane: 'auto' }, BOTH, kernel(true))).toEqual({
    plane: 'ipvs',
    reason: 'the kernel has IPVS',
  });
  expect(await choosePlane({ dataplane: 'auto' }, BOTH, kernel(false))).toMatchObject({ plane: 'nftables' });
  expect(await choosePlane({ dataplane: 'auto' }, new Set<Plane>(['nftables']), asked)).toEqual({
    plane: 'nftables',
    reason: 'this version has no other',
  });
});
