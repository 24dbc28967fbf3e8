/**
 * The control API's server side: HTTP + JSON on a unix socket (mode 0660: root and the socket's group), and metrics as text.
 *
 * It takes requests apart and puts answers together; what a request means is the backend's business (`src/agent`).
 * Anything a client sends, however wrong, ends as a JSON error on that client's connection and nowhere else. There is no
 * authentication beyond the socket's file mode, and nothing listens on the network.
 */
import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { GetDocuments, PostDocuments } from './client.ts';
import type { ErrorDocument, EventDocument } from './documents.ts';
import { METRICS_TYPE } from './metrics.ts';

type Views = {
  readonly [P in Exclude<keyof GetDocuments, '/v1/events'>]: (
    query: URLSearchParams,
  ) => GetDocuments[P] | Promise<GetDocuments[P]>;
};
type Commands = {
  readonly [P in keyof PostDocuments]: (body: Readonly<Record<string, unknown>>) => Promise<PostDocuments[P]>;
};

/** What the agent offers. Views and commands may throw `RequestError`. */
export interface ControlBackend {
  readonly views: Views;
  readonly commands: Commands;
  /** Events after `since`; when there are none yet, waits up to `wait` milliseconds for the first, or until `signal` aborts. */
  events(since: number, wait: number, signal: AbortSignal): Promise<readonly EventDocument[]>;
  /** All metrics, in Prometheus' text format. */
  metrics(): Promise<string>;
}

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/** The request was understood and is refused, with the HTTP status that says how. */
export class RequestError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
    this.code = code;
  }
}

const BODY_LIMIT = 1 << 20;
const CLOSE_WITHIN = 200;
const LONGEST_WAIT = 30_000;

/**
 * Listens on `path`. A socket file left by an agent that died is replaced; one that somebody answers on is not:
 * throws an Error with `code` `EADDRINUSE`.
 */
export async function serveControl(path: string, backend: ControlBackend): Promise<ControlServer> {
  if (await answers(path)) {
    throw Object.assign(new Error(`another agent answers on ${path}`), { code: 'EADDRINUSE' });
  }
  removeSocket(path);
  const server = createServer((incoming, outgoing) => void answer(backend, incoming, outgoing));
  await listen(server, path);
  return {
    path,
    close: () => close(server),
  };
}

/** Answers that are on their way get a moment to be written. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const enough = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN);
    server.close(() => {
      clearTimeout(enough);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** The mask is in force while the kernel makes the file (bind is synchronous), so it is never open to all for an instant. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(0o117);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        server.on('error', () => {});
        chmodSync(path, 0o660);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function answer(backend: ControlBackend, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.on('error', () => {});
  try {
    const document = await dispatch(backend, incoming, outgoing);
    if (document instanceof MetricsPage) writeText(outgoing, METRICS_TYPE, document.text);
    else await writeSliced(outgoing, document);
  } catch (error) {
    const { status, code, message } =
      error instanceof RequestError ? error : new RequestError(500, 'internal', String(error));
    const document: ErrorDocument = { error: { code, message } };
    write(outgoing, status, document);
  }
}

/** Beside documents: what is text already. */
class MetricsPage {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const SLICE = 500;

/** A long list is made into text a part at a time: in one piece, ten thousand rows would keep the agent from its Hellos. */
async function writeSliced(outgoing: ServerResponse, document: unknown): Promise<void> {
  if (!Array.isArray(document) || document.length <= SLICE) {
    write(outgoing, 200, document);
    return;
  }
  if (outgoing.destroyed) return;
  outgoing.writeHead(200, { 'content-type': 'application/json' });
  for (let from = 0; from < document.length; from += SLICE) {
    const rows = document.slice(from, from + SLICE).map((row) => JSON.stringify(row));
    outgoing.write(`${from === 0 ? '[' : ','}${rows.join(',')}`);
    await setImmediate();
  }
  outgoing.end(']\n');
}

function writeText(outgoing: ServerResponse, type: string, text: string): void {
  if (outgoing.destroyed || outgoing.headersSent) return;
  outgoing.writeHead(200, { 'content-type': type });
  outgoing.end(text);
}

function write(outgoing: ServerResponse, status: number, document: unknown): void {
  if (outgoing.destroyed || outgoing.headersSent) return;
  outgoing.writeHead(status, { 'content-type': 'application/json' });
  outgoing.end(`${JSON.stringify(document)}\n`);
}

async function dispatch(
  backend: ControlBackend,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<unknown> {
  const { pathname, searchParams } = parseTarget(incoming.url ?? '/');
  const isView = Object.hasOwn(backend.views, pathname) || pathname === '/v1/events' || pathname === '/metrics';
  const isCommand = Object.hasOwn(backend.commands, pathname);
  if (!isView && !isCommand) throw new RequestError(404, 'not-found', `there is no ${pathname}`);
  const expected = isView ? 'GET' : 'POST';
  if (incoming.method !== expected) {
    throw new RequestError(405, 'method-not-allowed', `${pathname} takes ${expected}`);
  }
  if (pathname === '/v1/events') return pollEvents(backend, searchParams, outgoing);
  if (pathname === '/metrics') return new MetricsPage(await backend.metrics());
  if (isView) return await backend.views[pathname as keyof Views](searchParams);
  return backend.commands[pathname as keyof Commands](await readBody(incoming));
}

function parseTarget(target: string): URL {
  try {
    return new URL(target, 'http://agent');
  } catch {
    throw new RequestError(400, 'bad-request', `not a path: ${target}`);
  }
}

function pollEvents(
  backend: ControlBackend,
  query: URLSearchParams,
  outgoing: ServerResponse,
): Promise<readonly EventDocument[]> {
  const gone = new AbortController();
  outgoing.on('close', () => gone.abort());
  const wait = Math.min(count(query, 'wait'), LONGEST_WAIT);
  return backend.events(count(query, 'since'), wait, gone.signal);
}

function count(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '0';
  if (!/^\d{1,15}$/.test(text))
    throw new RequestError(400, 'bad-request', `${name} must be a whole number, not '${text}'`);
  return Number(text);
}

async function readBody(incoming: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) throw new RequestError(413, 'bad-request', `the body is longer than ${BODY_LIMIT} bytes`);
    chunks.push(chunk as Buffer);
  }
  if (size === 0) return {};
  return parseObject(Buffer.concat(chunks).toString('utf8'));
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RequestError(400, 'bad-request', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RequestError(400, 'bad-request', 'the body is not a JSON object');
  }
  return value as Readonly<Record<string, unknown>>;
}
