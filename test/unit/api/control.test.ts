/** The client against the server, over a real unix socket in a directory of its own. */

import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentUnreachable, ApiError, ControlClient } from '../../../src/api/client.ts';
import type {
  EventDocument,
  LifecycleDocument,
  ReloadDocument,
  RouteDocument,
  StatusDocument,
} from '../../../src/api/documents.ts';
import { type ControlBackend, type ControlServer, RequestError, serveControl } from '../../../src/api/server.ts';
import { SYNC_OFF } from './sync-off.ts';

const status = { cluster: 'edge-1' } as StatusDocument;
const lifecycle: LifecycleDocument = { state: 'draining', deadline: 1000 };
const reloaded: ReloadDocument = { path: 'f', applied: true, changes: [], faults: [] };
const hello: EventDocument = { seq: 7, t: 1, at: '', event: 'hello-sent', values: {} };

let asked: unknown[] = [];
let routes: RouteDocument[] = [];
const backend: ControlBackend = {
  views: {
    '/v1/status': () => status,
    '/v1/neighbors': () => [],
    '/v1/interfaces': () => [],
    '/v1/lsdb': () => [],
    '/v1/routes': () => routes,
    '/v1/upstream-view': () => [],
    '/v1/counters': () => [],
    '/v1/services': () => {
      throw new TypeError('a mistake of ours');
    },
    '/v1/servers': () => [],
    '/v1/connections': () => ({ connections: [], cursor: null }),
    '/v1/sync': () => SYNC_OFF,
    '/v1/explain': () => ({}) as never,
  },
  commands: {
    '/v1/drain': async (body) => {
      asked.push(body);
      return lifecycle;
    },
    '/v1/restart': async () => ({ pid: 4711, grace: 400 }),
    '/v1/undrain': async () => {
      throw new RequestError(409, 'refused', 'not draining');
    },
    '/v1/drain-server': () => Promise.reject(new RequestError(404, 'not-found', 'no such server')),
    '/v1/undrain-server': () => Promise.reject(new RequestError(404, 'not-found', 'no such server')),
    '/v1/reload': async () => reloaded,
    '/v1/check': async () => reloaded,
    '/v1/event-loop/restart': async () => ({ p50: 0, p99: 1, p999: 2, max: 3, count: 4 }),
  },
  events: async (since, wait) => {
    asked.push({ since, wait });
    return [hello];
  },
  metrics: async () => 'sluice_uptime_seconds 1\n',
};

let dir = '';
let server: ControlServer;
let client: ControlClient;

beforeEach(async () => {
  asked = [];
  dir = mkdtempSync(join(tmpdir(), 'sluice-api-'));
  server = await serveControl(join(dir, 'd1.sock'), backend);
  client = new ControlClient(server.path);
});

afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

test('the socket is for its owner and group only', () => {
  expect(statSync(server.path).mode & 0o777).toBe(0o660);
});

test('metrics are text of their own type, and only read', async () => {
  const ask = (method: string) =>
    new Promise<{ type: string | undefined; status: number | undefined; text: string }>((resolve, reject) => {
      const asking = request({ socketPath: server.path, path: '/metrics', method }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve({ type: answer.headers['content-type'], status: answer.statusCode, text }));
      });
      asking.on('error', reject).end();
    });
  const type = 'text/plain; version=0.0.4; charset=utf-8';
  expect(await ask('GET')).toEqual({ type, status: 200, text: 'sluice_uptime_seconds 1\n' });
  expect(await ask('POST')).toMatchObject({ type: 'application/json', status: 405 });
});

test.each([0, 500, 501, 1234])('a list of %i rows arrives whole', async (length) => {
  const row: RouteDocument = {
    instance: 'outside',
    prefix: '0.0.0.0/0',
    pathType: 'external2',
    cost: 0,
    nextHops: [],
    installed: true,
    refusal: null,
  };
  routes = Array.from({ length }, (_, cost) => ({ ...row, cost }));
  expect(await client.get('/v1/routes')).toEqual(routes);
});

test('documents, commands and events arrive', async () => {
  expect(await client.get('/v1/status')).toEqual(status);
  expect(await client.post('/v1/drain', { deadline: 5 })).toEqual(lifecycle);
  expect(await client.get('/v1/events?since=6&wait=10')).toEqual([hello]);
  expect(asked).toEqual([{ deadline: 5 }, { since: 6, wait: 10 }]);
});

async function refusal(request: Promise<unknown>): Promise<string> {
  const error = await request.then(
    () => new Error('not refused'),
    (reason: unknown) => reason,
  );
  return error instanceof ApiError ? `${error.status} ${error.code}: ${error.message}` : String(error);
}

test('refusals say their code and why, and a mistake in the agent is an answer, not an end', async () => {
  expect(await refusal(client.post('/v1/undrain'))).toBe('409 refused: not draining');
  expect(await refusal(client.get('/v1/nothing' as '/v1/status'))).toBe('404 not-found: there is no /v1/nothing');
  expect(await refusal(client.get('/v1/drain' as '/v1/status'))).toBe('405 method-not-allowed: /v1/drain takes POST');
  expect(await refusal(client.get('/v1/events?since=x'))).toBe(
    "400 bad-request: since must be a whole number, not 'x'",
  );
  expect(await refusal(client.get('/v1/services'))).toBe('500 internal: TypeError: a mistake of ours');
  expect(await client.get('/v1/status')).toEqual(status);
});

/** Sends bytes as they are and returns the first line of the answer. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.path);
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject).on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
    socket.end(text);
  });
}

test('rubbish on the socket costs only its own connection', async () => {
  const post = (body: string) =>
    `POST /v1/drain HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  expect(await raw('\x00\xff\x16 rubbish\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
  expect(await raw(post('{'))).toMatch(/^HTTP\/1.1 400/);
  expect(await raw(post('[1]'))).toMatch(/^HTTP\/1.1 400/);
  expect(await raw('GET // HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 40/);
  expect(asked).toEqual([]);
  expect(await client.get('/v1/status')).toEqual(status);
});

test('nobody on the socket: AgentUnreachable, with the errno', async () => {
  const missing = await new ControlClient(join(dir, 'no.sock')).get('/v1/status').catch((error: unknown) => error);
  expect(missing).toBeInstanceOf(AgentUnreachable);
  expect((missing as AgentUnreachable).errno).toBe('ENOENT');
});

test('a socket that is answered on is not taken over; one left by a dead agent is', async () => {
  await expect(serveControl(server.path, backend)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  const path = join(dir, 'left.sock');
  await leaveDeadSocket(path);
  chmodSync(path, 0o600);
  const second = await serveControl(path, backend);
  expect(await new ControlClient(path).get('/v1/status')).toEqual(status);
  await second.close();
});

/** Binds a unix socket file in a process that ends without removing it. */
async function leaveDeadSocket(path: string): Promise<void> {
  const { spawn } = await import('node:child_process');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await new Promise((resolve) => spawn(process.execPath, ['-e', script]).on('exit', resolve));
}
