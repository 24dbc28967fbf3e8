/** The scripts that `sluice realserver --print` makes, whole. */
import { expect, test } from 'vitest';
import { planScript } from '../../../src/api/realserver.ts';
import { type Mode, strangerPlan } from './hosts.ts';

test.each<[string, readonly Mode[]]>([
  ['nat', ['nat']],
  ['dr', ['dr']],
  ['tun-ipip', ['ipip']],
  ['tun-gue', ['gue']],
  ['tun-gre', ['gre', 'greChecksum']],
  ['fullnat', ['fullnat']],
])('%s', async (name, modes) => {
  await expect(planScript(strangerPlan(...modes))).toMatchFileSnapshot(`../../golden/realserver/${name}.sh`);
});

test('a host that also answers past the directors gets no default route through one of them', () => {
  const command = 'ip route replace default via 10.2.0.11 dev eth1 metric 60000';
  expect(planScript(strangerPlan('nat'))).toContain(command);
  expect(planScript(strangerPlan('nat', 'dr'))).not.toContain(command);
});
