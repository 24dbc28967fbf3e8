/** What comes to a listening director, or answers a dialing one, and is no director. */
import { readFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import type { SyncKey } from '../../../src/core/model/sync-keys.ts';
import { handshakeKey, TLS } from '../../../src/io/mesh/tls.ts';
import { D1, type Director, Directors, key } from './director.ts';

const directors = new Directors();
const servers: Server[] = [];
afterEach(() => {
  directors.close();
  for (const server of servers.splice(0)) server.close();
});

/** Knows d1, which dials it, and d3, which it dials in vain. */
function listener(): Director {
  const d3 = { name: 'd3', address: '127.0.0.3', port: 1, dial: true };
  return directors.add({ name: 'd2', address: '127.0.0.2', peers: [D1, d3] });
}

interface Claim {
  readonly identity: string;
  readonly key?: SyncKey;
  readonly as?: string;
  readonly to?: string;
}

/** A client with TLS of its own. Resolves when it is connected, or with why it is not. */
async function knock(director: Director, claim: Claim | undefined, options: ConnectionOptions = {}): Promise<string> {
  const port = await director.port();
  const [dialer, to] = [claim?.as ?? claim?.identity.split('/')[1] ?? '', claim?.to ?? director.name];
  const psk = handshakeKey(claim?.key ?? key('1'), dialer, to);
  return new Promise((resolve) => {
    const socket = connectTls({
      ...TLS,
      host: director.address,
      port,
      checkServerIdentity: () => undefined,
      ...(claim === undefined ? {} : { pskCallback: () => ({ psk, identity: claim.identity }) }),
      ...options,
    });
    socket.on('secureConnect', () => {
      resolve('connected');
      socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const refusals = (director: Director) => director.of('refused').map(({ reason, claim }) => ({ reason, claim }));

test('the key, the name and the direction that are right', async () => {
  const d2 = listener();
  expect(await knock(d2, { identity: '1/d1' })).toBe('connected');
  await d2.hearsOf('opened');
  expect(refusals(d2)).toEqual([]);
});

interface Wrong {
  readonly what: string;
  readonly claim: Claim | undefined;
  readonly reason: string;
  readonly options?: ConnectionOptions;
}

const OLD: ConnectionOptions = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-RSA-AES128-GCM-SHA256',
};

const WRONG: readonly Wrong[] = [
  { what: 'another secret', claim: { identity: '1/d1', key: key('1', false, 'guess') }, reason: 'wrong-key' },
  { what: 'a key for other ends', claim: { identity: '1/d1', as: '', to: '' }, reason: 'wrong-key' },
  { what: 'a key for another listener', claim: { identity: '1/d1', to: 'd4' }, reason: 'wrong-key' },
  { what: 'the key of another director', claim: { identity: '1/d1', as: 'd3' }, reason: 'wrong-key' },
  { what: 'an id that no key has', claim: { identity: '2/d1' }, reason: 'unknown-key' },
  { what: 'a director that is not in the file', claim: { identity: '1/d9' }, reason: 'unknown-director' },
  { what: 'the listener itself, led back', claim: { identity: '1/d2' }, reason: 'unknown-director' },
  { what: 'a director that is to be dialed', claim: { identity: '1/d3' }, reason: 'wrong-direction' },
  { what: 'no director’s identity', claim: { identity: 'd1' }, reason: 'handshake' },
  { what: 'an identity as long as it may be', claim: { identity: `1/${'d'.repeat(126)}` }, reason: 'handshake' },
  { what: 'no key', claim: undefined, reason: 'handshake' },
  { what: 'TLS 1.2', claim: undefined, reason: 'not-tls', options: OLD },
];

test.each(WRONG)('$what is refused and counted', async ({ claim, reason, options }) => {
  const d2 = listener();
  expect(await knock(d2, claim, options)).toMatch(/^ERR_SSL/);
  await d2.hearsOf('refused');
  const told = claim !== undefined && /^[^/]+\/.{1,63}$/.test(claim.identity) ? claim.identity : undefined;
  expect(refusals(d2)).toEqual([{ reason, claim: told }]);
  expect(d2.of('opened')).toEqual([]);
});

async function tcp(director: Director, from?: string): Promise<Socket> {
  const port = await director.port();
  const local = from === undefined ? {} : { localAddress: from };
  const socket = connectTcp({ host: director.address, port, ...local });
  socket.on('error', () => {}).resume();
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

const closing = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

test('plain TCP is refused at its first bytes', async () => {
  const d2 = listener();
  for (const line of ['GET / HTTP/1.1\r\n\r\n', '\x00\x00\x00\x20\x01\x00\x00\x00', 'x'.repeat(100_000)]) {
    const socket = await tcp(d2);
    socket.write(line);
    await closing(socket);
  }
  await d2.hearsOf('refused', 3);
  for (const { reason } of refusals(d2)) expect(['not-tls', 'handshake', 'left']).toContain(reason);
  expect(d2.of('opened')).toEqual([]);
});

test('who is silent, or slow, is gone after the time of a handshake', async () => {
  const d2 = listener();
  const [silent, slow] = [await tcp(d2), await tcp(d2)];
  const drip = setInterval(() => slow.write('\x16'), 200);
  await Promise.all([closing(silent), closing(slow)]);
  clearInterval(drip);
  await d2.hearsOf('refused', 2);
  expect(refusals(d2).map(({ reason }) => reason)).toContain('too-late');
});

test('strangers that crowd the gate keep no director out', async () => {
  const d2 = listener();
  const crowd = await Promise.all(Array.from({ length: 60 }, () => tcp(d2, '127.0.0.99')));
  await d2.hearsOf('refused', 28);
  expect(new Set(refusals(d2).map(({ reason }) => reason))).toEqual(new Set(['no-place']));
  expect(await knock(d2, { identity: '1/d1' }, { localAddress: '127.0.0.99' } as ConnectionOptions)).not.toBe(
    'connected',
  );
  expect(await knock(d2, { identity: '1/d1' }, { localAddress: '127.0.0.1' } as ConnectionOptions)).toBe('connected');
  for (const socket of crowd) socket.destroy();
});

test('a place is free again when its connection has gone', async () => {
  const d2 = listener();
  for (let round = 0; round < 5; round++) {
    const crowd = await Promise.all(Array.from({ length: 20 }, () => tcp(d2)));
    for (const socket of crowd) socket.destroy();
    await d2.hearsOf('refused', 20 * (round + 1));
  }
  expect(new Set(refusals(d2).map(({ reason }) => reason))).toEqual(new Set(['left']));
});

/** Leads bytes on to a director, and notes what the client says. */
async function wiretap(director: Director): Promise<{ readonly port: number; readonly heard: Buffer[] }> {
  const heard: Buffer[] = [];
  const port = await director.port();
  const server = createServer((client) => {
    const behind = connectTcp({ host: director.address, port });
    client.on('data', (chunk) => heard.push(chunk));
    client.on('error', () => behind.destroy());
    behind.on('error', () => client.destroy());
    client.pipe(behind).pipe(client);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.50', resolve));
  return { port: (server.address() as { port: number }).port, heard };
}

test('a recorded stream, played again, opens nothing and disturbs nothing', async () => {
  const d2 = listener();
  const tap = await wiretap(d2);
  const to = { name: 'd2', address: '127.0.0.50', port: tap.port, dial: true };
  const d1 = directors.add({ name: 'd1', address: '127.0.0.1', peers: [to] });
  await d1.hearsOf('opened');
  d1.mesh.send('d2', Buffer.from('secret'));
  await d2.hears(() => d2.said('d1') === 'secret');
  const record = Buffer.concat(tap.heard);
  expect(record.includes('secret')).toBe(false);
  for (let times = 1; times <= 3; times++) {
    const replay = await tcp(d2, '127.0.0.1');
    replay.write(record);
    await closing(replay);
    await d2.hearsOf('refused', times);
  }
  d1.mesh.send('d2', Buffer.from(' goes on'));
  await d2.hears(() => d2.said('d1') === 'secret goes on');
  expect([d2.of('opened').length, d2.of('closed').length]).toEqual([1, 0]);
});

test('a stream whose bytes are altered on the way is ended, with nothing of what was altered', async () => {
  const d2 = listener();
  const port = await d2.port();
  let alter = false;
  const server = createServer((client) => {
    const behind = connectTcp({ host: d2.address, port });
    client.on('data', (chunk) => {
      if (alter) chunk[chunk.length - 20]! ^= 1;
      behind.write(chunk);
    });
    behind.pipe(client);
    for (const socket of [client, behind]) socket.on('error', () => {});
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.50', resolve));
  const to = { name: 'd2', address: '127.0.0.50', port: (server.address() as { port: number }).port, dial: true };
  const d1 = directors.add({ name: 'd1', address: '127.0.0.1', peers: [to] });
  await d1.hearsOf('opened');
  alter = true;
  d1.mesh.send('d2', Buffer.from('x'.repeat(100)));
  await d2.hearsOf('closed');
  expect(d2.of('closed')).toMatchObject([{ reason: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' }]);
  expect(d2.said('d1')).toBe('');
});

test('no ticket is given out, so that nothing but a key opens a stream', async () => {
  const d2 = listener();
  const port = await d2.port();
  const psk = handshakeKey(key('1'), 'd1', 'd2');
  const session = await new Promise<Buffer>((resolve) => {
    const socket = connectTls({ ...TLS, host: '127.0.0.2', port, pskCallback: () => ({ psk, identity: '1/d1' }) });
    socket.on('session', resolve);
  });
  d2.configure({ ring: [key('2')] });
  expect(await knock(d2, undefined, { session })).toMatch(/^ERR_SSL/);
  expect(d2.of('opened').length).toBe(1);
});

test('a listener with a certificate, or with another key, is no director to who dials', async () => {
  const pem = readFileSync('test/vectors/tls/self-signed.pem');
  let accepted = 0;
  const rogue = createTlsServer({ minVersion: 'TLSv1.3', key: pem, cert: pem }, () => accepted++);
  servers.push(rogue);
  await new Promise<void>((resolve) => rogue.listen(0, '127.0.0.2', resolve));
  const to = { name: 'd2', address: '127.0.0.2', port: (rogue.address() as { port: number }).port, dial: true };
  const d1 = directors.add({ name: 'd1', address: '127.0.0.1', peers: [to] });
  await d1.hearsOf('unreachable', 2);
  expect(d1.of('opened')).toEqual([]);
  expect(d1.of('unreachable')[0]!.reason).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');

  const d2 = directors.add({ name: 'd2', address: '127.0.0.4', ring: [key('1', false, 'guess')], peers: [D1] });
  d1.configure({ peers: [await d2.asPeer(true)] });
  await d1.hears(() => d1.of('unreachable').some(({ reason }) => reason.includes('another secret')));
  d2.configure({ ring: [key('2')] });
  await d1.hears(() => d1.of('unreachable').some(({ reason }) => reason.includes('does not know this key')));
  expect(d1.of('opened')).toEqual([]);
});
