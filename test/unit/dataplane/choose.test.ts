import { expect, test } from 'vitest';
import { choosePlane } from '../../../src/drivers/dataplane/choose.ts';

const kernel = (has: boolean) => async () => has;
const asked = () => Promise.reject(new Error('asked'));

test('the file first, then what it needs, then the kernel', async () => {
  const needed = { plane: 'nftables', by: 'services.web.sticky' } as const;
  expect(await choosePlane({ dataplane: 'ipvs' }, asked)).toMatchObject({ plane: 'ipvs' });
  expect(await choosePlane({ dataplane: 'auto', planeNeeded: needed }, asked)).toEqual({
    plane: 'nftables',
    reason: 'services.web.sticky needs it',
  });
  expect(await choosePlane({ dataplane: 'auto', keys: '/etc/keys' }, asked)).toMatchObject({ plane: 'nftables' });
  expect(await choosePlane({ dataplane: 'auto' }, kernel(true))).toEqual({
    plane: 'ipvs',
    reason: 'the kernel has IPVS',
  });
  expect(await choosePlane({ dataplane: 'auto' }, kernel(false))).toMatchObject({ plane: 'nftables' });
});
