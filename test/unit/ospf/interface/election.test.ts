import { expect, test } from 'vitest';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import { type Candidate, electDesignatedRouter } from '../../../../src/core/ospf/interface/election.ts';

const address = (n: number) => ipv4(`192.0.2.${n}`);

/** Router n, id 10.0.0.n, address 192.0.2.n; `dr` and `bdr` are the numbers that it declares, 0 for none. */
function router(n: number, priority: number, dr = 0, bdr = 0): Candidate {
  return {
    routerId: ipv4(`10.0.0.${n}`),
    address: address(n),
    priority,
    designatedRouter: dr === 0 ? 0 : address(dr),
    backupDesignatedRouter: bdr === 0 ? 0 : address(bdr),
  };
}

/** DR, BDR (as numbers, 0 = none) and our role. */
function elect(self: Candidate, ...neighbors: Candidate[]): [number, number, string] {
  const { designatedRouter, backupDesignatedRouter, role } = electDesignatedRouter(self, neighbors);
  return [designatedRouter & 255, backupDesignatedRouter & 255, role];
}

test('alone and eligible: we are DR, and there is no backup', () => {
  expect(elect(router(1, 1))).toEqual([1, 0, 'dr']);
});

test('alone with priority 0: nobody is DR', () => {
  expect(elect(router(1, 0))).toEqual([0, 0, 'drOther']);
});

test('nobody declares anything: the highest priority becomes DR, the next backup', () => {
  expect(elect(router(1, 1), router(2, 5), router(3, 3))).toEqual([2, 2, 'drOther']);
  // Seen by router 2 itself, which then judges a second time: it cannot be both.
  expect(elect(router(2, 5), router(1, 1), router(3, 3))).toEqual([2, 3, 'dr']);
});

test('equal priorities: the highest router id wins', () => {
  expect(elect(router(3, 1), router(1, 1), router(2, 1))).toEqual([3, 2, 'dr']);
});

test('who is DR stays DR, whoever comes with a higher priority', () => {
  expect(elect(router(9, 200), router(1, 1, 1, 2), router(2, 1, 1, 2))).toEqual([1, 2, 'drOther']);
});

test('the backup takes over when the DR is gone, and the best of the rest becomes backup', () => {
  expect(elect(router(2, 1, 1, 2), router(3, 1, 1, 2), router(4, 1, 1, 2))).toEqual([2, 4, 'dr']);
});

test('two that both declare themselves DR (a healed partition): the better one wins, the other steps back', () => {
  expect(elect(router(1, 1, 1, 0), router(2, 1, 2, 0))).toEqual([2, 1, 'backup']);
  expect(elect(router(2, 1, 2, 0), router(1, 1, 1, 0))).toEqual([2, 0, 'dr']);
});

test('priority 0 is never elected, not even if it declares itself', () => {
  expect(elect(router(1, 1), router(9, 0, 9, 9))).toEqual([1, 0, 'dr']);
  expect(elect(router(9, 0), router(1, 1, 1, 0))).toEqual([1, 0, 'drOther']);
});

test('a lone eligible router among priority 0 is DR without a backup', () => {
  expect(elect(router(1, 0), router(2, 0), router(3, 1, 3, 0))).toEqual([3, 0, 'drOther']);
});
