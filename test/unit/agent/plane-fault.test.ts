import { expect, test } from 'vitest';
import { planeFault } from '../../../src/agent/plane-fault.ts';

test('a file for another data plane than the one that runs is refused, with what to do', () => {
  expect(planeFault({ dataplane: 'ipvs' }, 'nftables')).toMatchObject({
    path: 'dataplane',
    message: 'this agent runs the nftables data plane, and the file needs ipvs',
    hint: 'start the agent anew: sluice restart',
  });
  const planeNeeded = { plane: 'ipvs', by: 'services.web.forward' } as const;
  expect(planeFault({ dataplane: 'auto', planeNeeded }, 'nftables')?.message).toContain(
    'services.web.forward needs ipvs',
  );
  expect(planeFault({ dataplane: 'auto', planeNeeded }, 'ipvs')).toBeUndefined();
  expect(planeFault({ dataplane: 'auto' }, 'nftables')).toBeUndefined();
  expect(planeFault({ dataplane: 'nftables' }, 'nftables')).toBeUndefined();
});
