/** Probes against real sockets on the loopback address. */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { HealthCheck } from '../../../src/core/model/cluster.ts';
import { type ProbeResult, startProbe } from '../../../src/io/probes.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

async function listening<S extends Server>(server: S): Promise<number> {
  servers.push(server);
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

function probe(port: number, check: HealthCheck, timeout = 2000): Promise<ProbeResult> {
  return new Promise((resolve) => {
    startProbe({ address: ipv4('127.0.0.1'), port, check }, timeout, resolve);
  });
}

function http(path: string, expected = 200): HealthCheck {
  return { kind: 'http', path, expect: expected, host: 'www.example.org' };
}

test('tcp: a connection is enough; a refusal is named', async () => {
  const port = await listening(createServer((peer) => peer.on('error', () => {}).resume()));
  expect(await probe(port, { kind: 'tcp' })).toEqual({ ok: true, detail: 'connected' });
  const gone = servers.pop();
  await new Promise((done) => gone?.close(done));
  expect(await probe(port, { kind: 'tcp' })).toEqual({ ok: false, detail: 'ECONNREFUSED' });
});

test('http: the path and host that were asked for, and the status that was expected', async () => {
  const port = await listening(
    createHttpServer((incoming, outgoing) => {
      const known = incoming.url === '/healthz' && incoming.headers.host === 'www.example.org';
      outgoing.writeHead(known ? 200 : 404).end('x'.repeat(100_000));
    }),
  );
  expect(await probe(port, http('/healthz'))).toEqual({ ok: true, detail: '200' });
  expect(await probe(port, http('/other'))).toEqual({ ok: false, detail: '404, not 200' });
  expect(await probe(port, http('/other', 404))).toEqual({ ok: true, detail: '404' });
});

test('http: silence ends with the timeout, rubbish with an error', async () => {
  const silent = await listening(createServer((peer) => peer.on('error', () => {}).resume()));
  expect(await probe(silent, http('/'), 100)).toEqual({ ok: false, detail: 'timeout after 100 ms' });
  const rubbish = await listening(
    createServer((peer) =>
      peer
        .on('error', () => {})
        .resume()
        .end('\x00rubbish\r\n\r\n'),
    ),
  );
  expect((await probe(rubbish, http('/'))).ok).toBe(false);
});
