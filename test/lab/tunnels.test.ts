/** The tunnels of the hand-over as an operator sees them: made by an agent, adopted by the next, repaired, gone after a drained stop. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { topologyFile } from '../../lab/modes/mode.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { untilAnnounced } from '../../lab/scenarios/observe.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await up(topologyFile('shared-lip'), { directors: [] });
  const file = lab.configFile('d1');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('handOver: hand', 'handOver: { vxlan: { id: 7 } }'));
  await lab.startDirector('d1');
  await untilAnnounced(lab, 'd1');
}, 60_000);
afterAll(() => lab?.down());

async function ip(...words: string[]): Promise<string> {
  return (await lab.node('d1').exec(['ip', ...words])).stdout;
}

async function index(): Promise<string | undefined> {
  return /^(\d+): sluice-vxlan/m.exec(await ip('link', 'show'))?.[1];
}

async function eventNames(): Promise<readonly string[]> {
  return (await lab.api('d1').get('/v1/events?since=0')).map(({ event }) => event);
}

test('the device, its next hops, and the rule that goes by it', async () => {
  expect(await ip('-d', 'link', 'show', 'sluice-vxlan')).toMatch(
    /mtu 1450[\s\S]*vxlan id 7 local 10\.4\.0\.1.*nolearning/,
  );
  const neighbours = await ip('neigh', 'show', 'dev', 'sluice-vxlan', 'nud', 'permanent');
  expect(neighbours.trim().split('\n').length).toBe(2);
  const { stdout } = await lab.node('d1').exec(['nft', 'list', 'chain', 'ip', 'sluice_v1', 'hand_over']);
  expect(stdout).toContain('device "sluice-vxlan"');
});

test('an agent that comes after a crash adopts it', async () => {
  const before = await index();
  await lab.stopDirector('d1', 'SIGKILL');
  expect(await index()).toBe(before);
  await lab.startDirector('d1');
  await untilAnnounced(lab, 'd1');
  expect(await index()).toBe(before);
  expect(await eventNames()).not.toContain('tunnels-changed');
});

test('what somebody deletes is there again, and the rule goes by the new one', async () => {
  const before = await index();
  await ip('link', 'del', 'sluice-vxlan');
  await until('the device to be made anew', 5000, async () => ![undefined, before].includes(await index()));
  await until('the rule to go by it', 5000, async () => {
    const { stdout } = await lab.node('d1').exec(['nft', 'list', 'chain', 'ip', 'sluice_v1', 'hand_over']);
    return stdout.includes('device "sluice-vxlan"');
  });
  expect((await eventNames()).filter((name) => name === 'tunnels-changed')).toEqual(['tunnels-changed']);
});

test('an end that is nowhere is told', async () => {
  await ip('address', 'del', '10.4.0.1/24', 'dev', 'eth3');
  await until('a word about it', 5000, async () => (await eventNames()).includes('hand-over-fault'));
  await ip('address', 'add', '10.4.0.1/24', 'dev', 'eth3');
});

test('a drained stop leaves nothing', { timeout: 30_000 }, async () => {
  await lab.stopDirector('d1', 'SIGTERM');
  expect(await index()).toBeUndefined();
});
