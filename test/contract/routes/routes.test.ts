import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { parsePrefix } from '../../../src/core/base/ipv4.ts';
import { FakeRouteKernel, FakeRoutes } from '../../../src/drivers/routes/fake.ts';
import { compiled, Namespace } from '../ospf-socket/namespace.ts';
import { claims, type RouteWorld } from './suite.ts';

function fakeWorld(): RouteWorld {
  const kernel = new FakeRouteKernel(['up0', 'up1']);
  return {
    table: () => new FakeRoutes(kernel),
    addForeign(prefix, metric) {
      const nextHops = [{ interface: 'up0', gateway: undefined }];
      kernel.addForeign({ kind: 'unicast', prefix: parsePrefix(prefix)!, metric, nextHops });
    },
    foreign: () => [...kernel.foreign.keys()],
    addLoopbackAddress: (address) => kernel.addForeign({ kind: 'local', prefix: parsePrefix(`${address}/32`)! }),
    async disappeared(during) {
      const gone = new Set<string>();
      const forget = kernel.ours.delete.bind(kernel.ours);
      kernel.ours.delete = (key) => {
        gone.add(key.split(' ')[0]!);
        return forget(key);
      };
      await during();
      return [...gone];
    },
    removeInterface: (name) => kernel.removeInterface(name),
    restoreInterface: (name) => void kernel.interfaces.add(name),
  };
}

describe('the fake routing table', () => {
  for (const claim of claims) test(claim.name, () => claim.run(fakeWorld()));
});

describe("the kernel's routing table", () => {
  for (const [index, claim] of claims.entries()) {
    test(claim.name, () => {
      const main = compiled('test/contract/routes/real-main.js');
      const namespace = new Namespace('rt');
      try {
        const [command, ...args] = namespace.command([process.execPath, main, String(index)]);
        const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      } finally {
        namespace.remove();
      }
    });
  }
});
