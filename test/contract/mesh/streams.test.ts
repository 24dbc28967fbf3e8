import { afterEach, expect, test } from 'vitest';
import { D1, Directors, key, RING } from './director.ts';

const directors = new Directors();
afterEach(() => directors.close());

const text = (bytes: string) => Buffer.from(bytes, 'latin1');

test('bytes go both ways, whole and in order', async () => {
  const { d1, d2 } = await directors.pair();
  const parts = Array.from({ length: 500 }, (_, at) => `${at};`);
  for (const part of parts) expect(d1.mesh.send('d2', text(part))).toBe(true);
  d2.mesh.send('d1', text('hello'));
  await d2.hears(() => d2.said('d1').length === parts.join('').length);
  await d1.hears(() => d1.said('d2') === 'hello');
  expect(d2.said('d1')).toBe(parts.join(''));
});

test('what is sent in one turn arrives as one piece', async () => {
  const { d1, d2 } = await directors.pair();
  for (let at = 0; at < 100; at++) d1.mesh.send('d2', new Uint8Array(100));
  await d2.hears(() => d2.said('d1').length === 10_000);
  expect(d2.of('bytes').length).toBe(1);
});

test('a full mesh has one stream per pair, with proved names', async () => {
  const d3 = directors.add({
    name: 'd3',
    address: '127.0.0.3',
    peers: [D1, { name: 'd2', address: '127.0.0.2', port: 1, dial: false }],
  });
  const d2 = directors.add({ name: 'd2', address: '127.0.0.2', peers: [D1, await d3.asPeer(true)] });
  const d1 = directors.add({
    name: 'd1',
    address: '127.0.0.1',
    peers: [await d2.asPeer(true), await d3.asPeer(true)],
  });
  await Promise.all([d1, d2, d3].map((director) => director.hearsOf('opened', 2)));
  const names = [d1, d2, d3].map((director) =>
    director
      .of('opened')
      .map(({ peer }) => peer)
      .sort(),
  );
  expect(names).toEqual([
    ['d2', 'd3'],
    ['d1', 'd3'],
    ['d1', 'd2'],
  ]);
});

test('send says when enough waits, and writable follows; nothing is lost', async () => {
  const { d1, d2 } = await directors.pair();
  const megabyte = new Uint8Array(1 << 20).fill(7);
  let sent = 0;
  let more = true;
  while (more && sent < 20) {
    more = d1.mesh.send('d2', megabyte);
    sent++;
  }
  expect([more, sent]).toEqual([false, 1]);
  expect(d1.mesh.waiting('d2')).toBeGreaterThan(0);
  await d1.hearsOf('writable');
  expect(d1.mesh.waiting('d2')).toBe(0);
  await d2.hears(() => d2.said('d1').length === sent << 20);
});

test('who sends on without heeding it loses the stream, not the memory', async () => {
  const { d1 } = await directors.pair();
  const megabyte = new Uint8Array(1 << 20);
  for (let at = 0; at < 100; at++) d1.mesh.send('d2', megabyte);
  await d1.hearsOf('closed');
  expect(d1.of('closed')).toMatchObject([{ reason: 'the peer reads too slowly' }]);
});

test('without a stream nothing is taken', () => {
  const d1 = directors.add({ name: 'd1', address: '127.0.0.1' });
  expect(d1.mesh.send('d2', text('x'))).toBe(false);
});

test('the last words are written, and who dials dials again', async () => {
  const { d1, d2 } = await directors.pair();
  d2.mesh.send('d1', text('goodbye'));
  d2.mesh.disconnect('d1', 'enough');
  await Promise.all([d1.hearsOf('opened', 2), d2.hearsOf('opened', 2)]);
  expect(d1.said('d2')).toBe('goodbye');
  expect(d2.of('closed')).toMatchObject([{ peer: 'd1', stream: 1, reason: 'enough' }]);
  expect(d1.of('closed')).toMatchObject([{ peer: 'd2', stream: 1, reason: 'the peer has ended it' }]);
  expect(d2.of('opened').map(({ stream }) => stream)).toEqual([1, 2]);
});

test('a director that is not there yet is dialed until it is', async () => {
  const gone = directors.add({ name: 'd2', address: '127.0.0.2' });
  const peer = await gone.asPeer(true);
  gone.mesh.close();
  const d1 = directors.add({ name: 'd1', address: '127.0.0.1', peers: [peer] });
  await d1.hearsOf('unreachable', 3);
  expect(d1.of('unreachable')[0]).toEqual({ kind: 'unreachable', peer: 'd2', reason: 'ECONNREFUSED' });
  const d2 = directors.add({ name: 'd2', address: '127.0.0.2', port: peer.port, peers: [D1] });
  await Promise.all([d1.hearsOf('opened'), d2.hearsOf('opened')]);
});

test('a director that starts anew takes the place of its old stream', async () => {
  const { d2 } = await directors.pair();
  const again = directors.add({ name: 'd1', address: '127.0.0.1', peers: [await d2.asPeer(true)] });
  await Promise.all([again.hearsOf('opened'), d2.hearsOf('opened', 2)]);
  const order = d2.heard.filter(({ kind }) => kind === 'opened' || kind === 'closed');
  expect(order).toMatchObject([
    { kind: 'opened', stream: 1 },
    { kind: 'closed', stream: 1, reason: 'a newer stream has taken its place' },
    { kind: 'opened', stream: 2 },
  ]);
});

test('a port that is taken is tried again until it is free', async () => {
  const first = directors.add({ name: 'd1', address: '127.0.0.1' });
  const port = await first.port();
  const second = directors.add({ name: 'd1', address: '127.0.0.1', port });
  await second.hearsOf('failed');
  expect(second.of('failed')).toEqual([{ kind: 'failed', errno: 'EADDRINUSE' }]);
  first.mesh.close();
  expect(await second.port()).toBe(port);
});

test('closed is silent', async () => {
  const { d1, d2 } = await directors.pair();
  const before = d1.heard.length;
  d1.mesh.close();
  await d2.hearsOf('closed');
  expect(d1.heard.length).toBe(before);
});

test('a new file drops the streams that it does not know, and no other', async () => {
  const { d1, d2 } = await directors.pair();
  const d3 = directors.add({ name: 'd3', address: '127.0.0.3', peers: [D1] });
  const [to2, to3] = [await d2.asPeer(true), await d3.asPeer(true)];
  d1.configure({ peers: [to2, to3] });
  await d1.hearsOf('opened', 2);
  d1.configure({ peers: [to2] });
  await d3.hearsOf('closed');
  await d1.hearsOf('closed');
  expect(d1.of('closed')).toMatchObject([{ peer: 'd3', reason: 'the director is not in the cluster file any more' }]);
  d1.mesh.send('d2', text('still here'));
  await d2.hears(() => d2.said('d1') === 'still here');
  expect([d1.of('opened').length, d2.of('closed').length]).toEqual([2, 0]);
});

test('a director that moves to another port gets a stream there, and nobody else loses his', async () => {
  const { d1, d2 } = await directors.pair();
  d2.configure({ listen: { address: '127.0.0.4', port: 0 } });
  await d2.hearsOf('listening', 2);
  d1.mesh.send('d2', text('old '));
  await d2.hears(() => d2.said('d1') === 'old ');
  d1.configure({ peers: [{ ...(await d2.asPeer(true)), address: '127.0.0.4' }] });
  await d2.hearsOf('opened', 2);
  await d1.hearsOf('opened', 2);
  d1.mesh.send('d2', text('new'));
  await d2.hears(() => d2.said('d1') === 'old new');
  expect(d1.of('closed')).toMatchObject([{ reason: 'a newer stream has taken its place' }]);
});

test('a rotation: accept-only first, then active, then the old key goes; only then streams are opened anew', async () => {
  const { d1, d2 } = await directors.pair();
  const [one, two] = [key('1'), key('2')];
  const steps = [
    [one, { ...two, acceptOnly: true }],
    [{ ...one, acceptOnly: true }, two],
  ];
  for (const ring of steps) {
    d1.configure({ ring });
    d2.configure({ ring });
  }
  d1.mesh.send('d2', text('same stream'));
  await d2.hears(() => d2.said('d1') === 'same stream');
  expect(d1.of('opened').length).toBe(1);
  d2.configure({ ring: [two] });
  await Promise.all([d1.hearsOf('opened', 2), d2.hearsOf('opened', 2)]);
  expect(d2.of('closed')).toMatchObject([{ reason: 'its key is not in the ring any more' }]);
  d1.configure({ ring: [two] });
  d1.mesh.send('d2', text(', next stream'));
  await d2.hears(() => d2.said('d1') === 'same stream, next stream');
  expect([d1.of('closed').length, d1.of('unreachable').length]).toEqual([1, 0]);
});

test('directors one step apart in a rotation reach each other either way round', async () => {
  const rings = [[key('1')], [key('1'), key('2', true)], [key('1', true), key('2')], [key('2')]];
  for (const [at, ring] of rings.entries()) {
    for (const next of [rings[at - 1], rings[at + 1]].filter((one) => one !== undefined)) {
      const d2 = directors.add({ name: 'd2', address: '127.0.0.2', ring: next, peers: [D1] });
      const d1 = directors.add({ name: 'd1', address: '127.0.0.1', ring, peers: [await d2.asPeer(true)] });
      await Promise.all([d1.hearsOf('opened'), d2.hearsOf('opened')]);
      directors.close();
    }
  }
});

test('another secret under the same id ends the streams that the old one has opened', async () => {
  const { d1, d2 } = await directors.pair(RING);
  d2.configure({ ring: [key('1', false, 'another')] });
  await d1.hears(() => d1.of('unreachable').some(({ reason }) => reason.startsWith('the peer has another secret')));
  expect(d2.of('closed').length).toBe(1);
  d1.configure({ ring: [key('1', false, 'another')] });
  await Promise.all([d1.hearsOf('opened', 2), d2.hearsOf('opened', 2)]);
});
