/** When a director may announce. */
import { expect, test } from 'vitest';
import type { SyncService, SyncSettings } from '../../../src/core/model/sync.ts';
import type { Hello } from '../../../src/core/sync/frames/hello.ts';
import { JoinBarrier, type JoinPeer } from '../../../src/core/sync/replicas/join-barrier.ts';

const TABLE = '00'.repeat(8);

function settings(digests: Readonly<Record<string, string>> = {}): SyncSettings {
  const services = Object.entries(digests).map(
    ([name, digest], index) => ({ name, service: index, digest }) as SyncService,
  );
  return { tableDigest: TABLE, services } as unknown as SyncSettings;
}

function peer(
  change: Partial<JoinPeer> & { readonly empty?: boolean; readonly digests?: readonly string[] } = {},
): JoinPeer {
  const { empty = false, digests = [], ...rest } = change;
  const services = digests.map((digest, service) => ({ service, digest }));
  return { hello: { empty, tableDigest: TABLE, services } as unknown as Hello, complete: true, busy: false, ...rest };
}

test('a lone director waits for nobody, once it knows its kernel and that nobody comes', () => {
  const barrier = new JoinBarrier(30_000, 0);
  expect(barrier.evaluate(settings(), false, [], 10)).toBeUndefined();
  expect(barrier.evaluate(settings(), true, [], 20)).toEqual({ kind: 'synced', reason: 'alone', waiting: [] });
  expect(barrier.over).toBe(true);
  expect(barrier.evaluate(settings(), true, [], 30)).toBeUndefined();
});

test('every peer that is there has to have given all, but for one that is empty itself', () => {
  const barrier = new JoinBarrier(30_000, 0);
  expect(barrier.evaluate(settings(), true, [peer(), peer({ complete: false })], 10)).toBeUndefined();
  expect(barrier.evaluate(settings(), true, [peer(), peer({ busy: true })], 10)).toBeUndefined();
  expect(barrier.evaluate(settings(), true, [peer(), peer({ empty: true, complete: false })], 10)).toMatchObject({
    reason: 'equal',
  });
});

test('no longer than the time that the file gives', () => {
  const barrier = new JoinBarrier(30_000, 0);
  expect(barrier.deadline).toBe(30_000);
  expect(barrier.evaluate(settings(), false, [peer({ complete: false })], 30_000)).toMatchObject({ reason: 'timeout' });
});

test('a service that a peer defines in another way waits, alone, until it does not, or the time is over', () => {
  const differs = peer({ digests: ['aa', 'bb'] });
  const barrier = new JoinBarrier(30_000, 0);
  expect(barrier.evaluate(settings({ web: 'aa', mail: 'cc' }), true, [differs], 10)).toMatchObject({
    waiting: ['mail'],
  });
  expect(barrier.evaluate(settings({ web: 'aa', mail: 'cc' }), true, [differs], 20)).toBeUndefined();
  expect(barrier.evaluate(settings({ web: 'aa', mail: 'bb' }), true, [differs], 30)).toMatchObject({ waiting: [] });
  const late = new JoinBarrier(30_000, 0);
  late.evaluate(settings({ web: 'aa', mail: 'cc' }), true, [differs], 10);
  expect(late.evaluate(settings({ web: 'aa', mail: 'cc' }), true, [differs], 30_000)).toMatchObject({ waiting: [] });
});

test('a service that a peer does not have does not differ', () => {
  const barrier = new JoinBarrier(30_000, 0);
  expect(barrier.evaluate(settings({ web: 'aa' }), true, [peer()], 10)).toMatchObject({ waiting: [] });
});

test('where slots are hashed in another way, every service waits', () => {
  const other = peer();
  const barrier = new JoinBarrier(30_000, 0);
  const hello = { ...other.hello, tableDigest: 'ff'.repeat(8) };
  expect(barrier.evaluate(settings({ web: 'aa', mail: 'bb' }), true, [{ ...other, hello }], 10)).toMatchObject({
    waiting: ['web', 'mail'],
  });
});
