import { expect, test } from 'vitest';
import { formatIpv4 } from '../../src/core/base/ipv4.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { THOROUGH } from '../sizes.ts';
import type { SimNode } from './network.ts';
import { announce, announceOwnId, type Campus, campus, converged } from './topologies.ts';

/** One thing that happens to a network in an operator's bad week. */
function misfortune({ net, lan, cables, nodes }: Campus, prng: Prng): void {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(prng.unit() * items.length)]!;
  const node = pick(nodes);
  switch (Math.floor(prng.unit() * 8)) {
    case 0:
      net.down(node, 'lan');
      break;
    case 1:
      net.up(node, 'lan');
      break;
    case 2:
      lan.islands = [nodes.slice(0, 2), nodes.slice(2)].map((island) => island.map(({ name }) => name));
      break;
    case 3:
      lan.islands = undefined;
      break;
    case 4:
      announce(net, node, formatIpv4(node.config.routerId), `203.0.113.${Math.floor(prng.unit() * 4)}`);
      break;
    case 5:
      pick([lan, ...cables]).quality = { delay: 1, jitter: 30, loss: 0.3 * prng.unit(), duplication: 0.1 };
      break;
    case 6:
      net.up(node, 'lan', pick([1500, 1400]));
      break;
    default:
      (nodes as SimNode[])[nodes.indexOf(node)] = net.replace(node, prng.u32());
  }
}

const SEEDS = THOROUGH ? [1, 2, 3, 4] : [1, 2];

test.each(SEEDS)('after forty misfortunes the campus is whole again (seed %i)', (seed) => {
  const network = campus({ mtuIgnore: true }, seed);
  const { net, lan, cables, nodes } = network;
  const prng = new Prng(seed);
  for (let n = 0; n < 40; n++) {
    misfortune(network, prng);
    net.run(3000 * prng.unit() ** 2);
  }
  lan.islands = undefined;
  for (const link of [lan, ...cables]) link.quality = { delay: 1, jitter: 2, loss: 0, duplication: 0 };
  for (const node of nodes) {
    net.up(node, 'lan');
    announceOwnId(net, node);
  }
  expect(
    net.runUntil(() => converged(net, nodes), 30_000),
    'converged',
  ).toBe(true);
  net.run(10_000);
  expect(converged(net, nodes), 'stays converged').toBe(true);
  const pending = nodes.flatMap((node) => node.instance.neighbors(net.now).map((n) => n.retransmissions + n.requests));
  expect(Math.max(...pending)).toBe(0);
  const before = net.sent.lsUpdate;
  net.run(60_000);
  expect(net.sent.lsUpdate - before, 'a network at rest is quiet').toBe(0);
});
