/** Many netlink messages at a time, out of the kernel and into it; in a namespace of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Peer } from '../dataplane/netns.ts';
import { Namespace } from '../ospf-socket/namespace.ts';

const EEXIST = 17;
const ENOENT = 2;

describe('netlink-batch', () => {
  let namespace: Namespace;
  let peer: Peer;

  beforeAll(async () => {
    namespace = new Namespace('nb');
    peer = new Peer(namespace.name, '../netlink-batch/batch-main', []);
    await peer.call('ready');
  });
  afterAll(async () => {
    await peer?.kill();
    namespace?.remove();
  });

  test('the answers to a datagram of many requests are there when it was sent; refusals say which one', async () => {
    expect(await peer.call('refusals')).toEqual({
      settled: [
        [0, EEXIST],
        [2, EEXIST],
        [4, ENOENT],
        [5, 0],
      ],
      found: [[5, 0]],
    });
  });

  test('what has come is told in as few calls as fit it', async () => {
    expect(await peer.call('batches', { count: 600 })).toEqual([256, 256, 88]);
  });

  test('a message is told at once when there are few, and a thousand times a second at most when there are many', async () => {
    type Rests = { waits: number[]; busy: { calls: number; messages: number; made: number; milliseconds: number } };
    const { waits, busy } = await peer.call<Rests>('rests');
    expect(waits[Math.floor(waits.length / 2)]).toBeLessThan(0.9);
    expect(busy.messages).toBe(busy.made);
    // A batch that is full is followed by another.
    expect(busy.calls).toBeLessThan(1.2 * busy.milliseconds + 30 + busy.made / 256);
  });

  test('what a socket of ours causes is kept out by its port, in the kernel', async () => {
    expect(await peer.call('echo')).toBe(207);
  });

  test('messages that found no room are told as lost, and those after them come', async () => {
    const told = await peer.call<string[]>('overrun');
    expect(told.filter((one) => one === 'lost')).toHaveLength(1);
    expect(told.slice(-2)).toEqual(['then', 'batch']);
  });

  test('a message that is longer than a slot is lost', async () => {
    expect(await peer.call('long')).toEqual({ lost: 1, rows: 0 });
  });

  test('what is refused comes as a system error', async () => {
    expect(await peer.call('errors')).toEqual([
      'EINVAL',
      'EINVAL',
      'a batch of 1000: 256 at most',
      'the socket is closed',
      'EPROTONOSUPPORT',
    ]);
  });

  test('a socket that is closed while it tells tells nothing more', async () => {
    expect(await peer.call('closing')).toEqual({ calls: 1, messages: 20 });
  });

  test('workers that end with open sockets leave nothing behind', async () => {
    expect(await peer.call('workers')).toBe(0);
  });
});
