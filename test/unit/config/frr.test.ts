/** The speaker `frr` in the cluster file. */
import { expect, test } from 'vitest';
import { frrChecks } from '../../../src/core/config/checks/frr.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { faultLines, LEAST, soundCluster } from './files.ts';

const withFrr = (settings: string) => LEAST.replace('routing: {', `routing: { frr: ${settings},`);

test('what is for FRR is of no use to another speaker', () => {
  expect(faultLines(withFrr('{}'))).toEqual(['routing.frr: speaker ospf has no use for it; speaker: frr has']);
});

test.each([
  ['{ vtysh: vtysh }', 'vtysh: expected a file, got "vtysh"; an absolute path, as /var/log/sluice/mapping.log'],
  ['{ vtyDir: run }', 'vtyDir: expected a file, got "run"; an absolute path, as /var/log/sluice/mapping.log'],
  ['{ deadline: 1ms }', 'deadline: "1ms" is out of range; from 100ms to 1m'],
  ['{ announce: internal }', 'announce: expected external or stub, got "internal"; did you mean "external"?'],
  ['{ unverified: perhaps }', 'unverified: expected true or false, got "perhaps"'],
  ['{ write: always }', 'write: expected never or memory, got "always"'],
  ['{ daemon: ospfd }', 'daemon: unknown key; known here: vtysh, vtyDir, deadline, announce, unverified, write'],
])('%s is refused', (settings, fault) => {
  expect(faultLines(withFrr(settings)).filter((line) => !line.startsWith('routing.frr: '))).toEqual([
    `routing.frr.${fault}`,
  ]);
});

test('a stub area carries no LSAs of type 5; stub links are its own', () => {
  const instances = { inside: { area: { id: 1, type: 'stub' as const }, announce: ['local' as const] } };
  const frr = { announce: 'stub' as const };
  expect([...frrChecks({ routing: { speaker: 'frr', frr, instances } })]).toEqual([]);
  expect(
    [...frrChecks({ routing: { speaker: 'frr', instances } })].map(({ path, message }) => [path.join('.'), message]),
  ).toEqual([
    ['routing.instances.inside.area.type', 'FRR announces in LSAs of type 5, which stub area 0.0.0.1 does not carry'],
  ]);
});

test('FRR has filters of its own for what it learns', () => {
  const rules = ['none' as const, { prefix: { address: 0, length: 0 }, orLonger: false }];
  const routing = { speaker: 'frr' as const, instances: { outside: { import: rules } } };
  expect([...frrChecks({ routing })].map(({ path }) => path.join('.'))).toEqual([
    'routing.instances.outside.import.0',
    'routing.instances.outside.import.1',
  ]);
});

test('an FRR is reached where Debian has it, unless the file says otherwise', () => {
  const text = LEAST.replace('routing: {', 'routing: { speaker: frr,');
  expect(soundCluster(text).routing.frr).toEqual({
    ...{ vtysh: '/usr/bin/vtysh', vtyDir: undefined, deadline: 5000 },
    ...{ announce: 'external', unverified: false, write: 'never' },
  });
  const written = text.replace(
    'speaker: frr',
    'speaker: frr, frr: { vtyDir: /run/frr, deadline: 2s, announce: stub, write: memory }',
  );
  expect(soundCluster(written).routing.frr).toMatchObject({
    vtyDir: '/run/frr',
    deadline: 2000,
    announce: 'stub',
    write: 'memory',
  });
  expect(describeChanges(soundCluster(text), soundCluster(written))).toEqual([
    'routing: vtyDir none -> /run/frr (no adjacency changes)',
    'routing: deadline 5s -> 2s',
    'routing: announce external -> stub (every VIP is announced anew in the other form)',
    'routing: write never -> memory',
  ]);
  expect(describeChanges(soundCluster(LEAST), soundCluster(text))[0]).toBe(
    'routing: speaker ospf -> frr (every adjacency starts over)',
  );
});
