import { describe, expect, test } from 'vitest';
import { decodeRule } from '../../../src/core/dataplane/nft/messages.ts';
import { encodeWithPortOffset, hasPortOffset } from '../../../src/core/dataplane/nft/port-offset.ts';
import { describe as printed } from '../../../src/core/dataplane/nft/text.ts';
import { hasOffsetRules, planSteps } from '../../../src/core/dataplane/plan.ts';
import {
  type Found,
  type OffsetRule,
  plainStamp,
  ruleStamp,
  stampOf,
  type Wanted,
  withPlainPorts,
} from '../../../src/core/dataplane/ruleset.ts';
import { NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { atOnce } from '../../../src/drivers/dataplane/slices.ts';

/** As the kernel lists `meta l4proto tcp snat …`, cut down to a meta and a nat expression. */
function snatRule(natFlags: number | undefined, comment: string): Uint8Array {
  const w = new NetlinkWriter().u8(2).u8(0).u16(0);
  w.attribute(1, () => w.text('t')).attribute(2, () => w.text('postrouting'));
  w.attribute(3, () => w.be32(0).be32(9));
  w.attribute(4, () => {
    expression(w, 'meta', () => w.attribute(2, () => w.be32(16)).attribute(1, () => w.be32(1)));
    expression(w, 'nat', () => {
      w.attribute(1, () => w.be32(0)).attribute(3, () => w.be32(8));
      if (natFlags !== undefined) w.attribute(7, () => w.be32(natFlags));
    });
  });
  // NFTA_RULE_POSITION: where the rule stands, which a replacement must not name.
  w.attribute(6, () => w.be32(0).be32(8));
  return w
    .attribute(7, () =>
      w
        .u8(0)
        .u8(comment.length + 1)
        .text(comment),
    )
    .finish();
}

function expression(w: NetlinkWriter, name: string, parameters: () => void): void {
  w.attribute(1, () => w.attribute(1, () => w.text(name)).attribute(2, parameters));
}

const OFFSET: OffsetRule = { text: 'meta l4proto tcp snat ip to … map @blocks', portOffset: true };
const tables = (rule: OffsetRule | string): Wanted => {
  const base = { type: 'nat', hook: 'postrouting', priority: 100 } as const;
  const chains = new Map([['postrouting', { base, rules: ['counter', rule] }]]);
  return new Map([['sluice_v1', { chains, sets: new Map(), counters: new Set<string>() }]]);
};
const plan = (wanted: Wanted, found: Found) => atOnce(planSteps(wanted, found));

describe('a rule with ports by offset', () => {
  test('is replaced by itself with the bit and another comment, whatever flags it had', () => {
    for (const flags of [undefined, 0x3, 0x23]) {
      const { chain, comment, expressions } = decodeRule(encodeWithPortOffset(snatRule(flags, 'a'), 'b'));
      expect({ chain, comment, has: hasPortOffset(expressions) }).toEqual({
        chain: 'postrouting',
        comment: 'b',
        has: true,
      });
      expect(hasPortOffset(decodeRule(snatRule(flags, 'a')).expressions)).toBe(flags === 0x23);
    }
    const twice = encodeWithPortOffset(encodeWithPortOffset(snatRule(0x3, 'a'), 'b'), 'b');
    expect(twice).toEqual(encodeWithPortOffset(snatRule(0x3, 'a'), 'b'));
  });

  test('is stamped apart from the plain one; a comment without the bit is worth nothing', () => {
    expect(ruleStamp(OFFSET)).not.toBe(plainStamp(OFFSET));
    expect(stampOf(ruleStamp(OFFSET), true)).toBe(ruleStamp(OFFSET));
    expect(stampOf(ruleStamp(OFFSET), false)).toBe(plainStamp(OFFSET));
    expect(stampOf(plainStamp(OFFSET), true)).toBe(plainStamp(OFFSET));
  });

  test('is written with its chain when it is missing or has lost the offset, and only then', async () => {
    const kernel = new FakeKernel();
    const first = await plan(tables(OFFSET), (await kernel.read()).tables);
    expect(hasOffsetRules(first)).toBe(true);
    expect(await kernel.write(first)).toEqual({ transactions: 2 });
    expect(await plan(tables(OFFSET), (await kernel.read()).tables)).toEqual([]);

    const chain = kernel.tables.get('sluice_v1')?.chains.get('postrouting');
    if (chain === undefined) throw new Error('no chain');
    const reloaded = { ...chain, stamps: chain.stamps.map((stamp) => stampOf(stamp, false)) };
    kernel.tables.get('sluice_v1')?.chains.set('postrouting', reloaded);
    const repair = await plan(tables(OFFSET), (await kernel.read()).tables);
    expect(repair.map(printed)).toEqual(['sluice_v1 postrouting: write 2 rules']);
    await kernel.write(repair);
    expect(await plan(tables(OFFSET), (await kernel.read()).tables)).toEqual([]);
  });

  test('that the kernel refuses stays plain: the plan without offsets is then empty', async () => {
    const kernel = new FakeKernel();
    kernel.refusedOffset = 'EOPNOTSUPP';
    const written = await kernel.write(await plan(tables(OFFSET), (await kernel.read()).tables));
    expect(written).toEqual({ transactions: 1, refusedOffset: 'EOPNOTSUPP' });
    const { tables: found } = await kernel.read();
    expect(await plan(withPlainPorts(tables(OFFSET)), found)).toEqual([]);
    expect(await plan(tables(OFFSET), found)).toHaveLength(1);
  });
});
