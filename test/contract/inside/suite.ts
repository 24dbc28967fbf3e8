/** What every control of inside addresses must do. One link has the network 10.2.0.0/24, and `up0` another one. */
import { expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { InsideControl } from '../../../src/drivers/inside/port.ts';

export interface InsideWorld {
  readonly control: InsideControl;
  /** Addresses that are ours, as the kernel has them, in order. */
  held(): readonly string[];
  /** Somebody else takes one of ours away. */
  remove(address: string): void;
  /** The kernel of another director has 10.2.0.102, and its link is up or down. */
  other(link: 'up' | 'down'): void;
}

const OWN = { address: ipv4('10.2.0.101') };
/** Of a director whose agent is gone. */
const OTHER = { address: ipv4('10.2.0.102'), owner: 'd2' };

export function insideContract(world: () => InsideWorld): void {
  test('an address is taken once, on the link around it', async () => {
    const { control, held } = world();
    expect(await control.settle([OWN])).toEqual({
      changes: ['in0: inside address 10.2.0.101 taken'],
      homeless: [],
      left: [],
      taken: true,
    });
    expect(held()).toEqual(['10.2.0.101']);
    expect(await control.settle([OWN])).toEqual({ changes: [], homeless: [], left: [], taken: false });
  });

  test('that of another director comes and goes, and leaves the own one alone', async () => {
    const { control, held } = world();
    await control.settle([OWN]);
    expect(await control.settle([OWN, OTHER])).toMatchObject({ changes: ['in0: inside address 10.2.0.102 taken'] });
    expect(held()).toEqual(['10.2.0.101', '10.2.0.102']);
    expect(await control.settle([OWN])).toEqual({
      changes: ['in0: inside address 10.2.0.102 released'],
      homeless: [],
      left: [],
      taken: false,
    });
    expect(held()).toEqual(['10.2.0.101']);
  });

  test('what somebody else removed is taken again', async () => {
    const { control, held, remove } = world();
    await control.settle([OWN]);
    remove('10.2.0.101');
    expect(await control.settle([OWN])).toMatchObject({ taken: true });
    expect(held()).toEqual(['10.2.0.101']);
  });

  test('an address without a network around it is told of, and the others are taken', async () => {
    const { control, held } = world();
    const { homeless } = await control.settle([{ address: ipv4('10.9.0.1') }, OWN]);
    expect(homeless.map(formatIpv4)).toEqual(['10.9.0.1']);
    expect(held()).toEqual(['10.2.0.101']);
  });

  test('that of another director is left to its kernel as long as that answers, and the own one is taken meanwhile', async () => {
    const { control, held, other } = world();
    other('up');
    const left = ['inside address 10.2.0.102 left to d2: its kernel answers'];
    expect(await control.settle([OTHER, OWN])).toMatchObject({
      left,
      changes: ['in0: inside address 10.2.0.101 taken'],
    });
    expect(held()).toEqual(['10.2.0.101']);
    expect(await control.settle([OTHER, OWN])).toEqual({ changes: [], homeless: [], left, taken: false });
    other('down');
    expect(await control.settle([OTHER, OWN])).toMatchObject({ left: [], taken: true });
    expect(held()).toEqual(['10.2.0.101', '10.2.0.102']);
  });

  test('what is held already is not asked for, and the own one is taken though somebody answers', async () => {
    const { control, held, other } = world();
    await control.settle([OTHER]);
    other('up');
    expect(await control.settle([OTHER])).toEqual({ changes: [], homeless: [], left: [], taken: false });
    await control.settle([]);
    expect(await control.settle([{ address: OTHER.address }])).toMatchObject({ left: [], taken: true });
    expect(held()).toEqual(['10.2.0.102']);
  });

  test('nothing wanted: nothing of ours is left', async () => {
    const { control, held } = world();
    await control.settle([OWN, OTHER]);
    await control.settle([]);
    expect(held()).toEqual([]);
  });
}
