/**
 * The control API's client: HTTP + JSON over the agent's unix socket, typed by `documents.ts`. Used by the CLI, the web
 * page and the lab. Every request opens its own connection, so a client object holds nothing and needs no closing.
 */
import { request } from 'node:http';
import type {
  CountersDocument,
  ErrorDocument,
  EventDocument,
  EventLoopDocument,
  ExplanationDocument,
  InterfaceDocument,
  LifecycleDocument,
  LsaDocument,
  NeighborDocument,
  ReloadDocument,
  RestartDocument,
  RouteDocument,
  ServerDocument,
  ServiceDocument,
  StatusDocument,
  UpstreamRouterDocument,
} from './documents.ts';
import type { ConnectionsDocument, SyncDocument } from './sync-documents.ts';

/** What each `GET` path answers. */
export interface GetDocuments {
  readonly '/v1/status': StatusDocument;
  readonly '/v1/neighbors': readonly NeighborDocument[];
  readonly '/v1/interfaces': readonly InterfaceDocument[];
  /**
   * Query: `type` (LS type, several with commas), `router` (advertising router), `own=1` (only our own), `detail=1` (with
   * `content`).
   */
  readonly '/v1/lsdb': readonly LsaDocument[];
  readonly '/v1/routes': readonly RouteDocument[];
  /** Query: `router` (router id; default: every upstream router), `maxPaths` (next hops that a router takes). */
  readonly '/v1/upstream-view': readonly UpstreamRouterDocument[];
  readonly '/v1/counters': readonly CountersDocument[];
  readonly '/v1/services': readonly ServiceDocument[];
  readonly '/v1/servers': readonly ServerDocument[];
  readonly '/v1/sync': SyncDocument;
  /**
   * Query: `client`, `vip`, `server` (addresses), `owner` (a director's name), `local` (what the server sees: address, or
   * address and port), `cursor` (of the page before).
   */
  readonly '/v1/connections': ConnectionsDocument;
  /** Query: `client`, `clientPort`, `vip`, `port`; `protocol` (default: whichever has a service), `mark` (of the packets). */
  readonly '/v1/explain': ExplanationDocument;
  /** Query: `since` (last `seq` already seen, default 0), `wait` (milliseconds to wait for the first new one, default 0). */
  readonly '/v1/events': readonly EventDocument[];
}

/** What each `POST` path answers. */
export interface PostDocuments {
  /** Body: `{ deadline?: milliseconds }`. Answers at once; progress is in the events and in `/v1/status`. */
  readonly '/v1/drain': LifecycleDocument;
  readonly '/v1/undrain': LifecycleDocument;
  /** Body: `{ service, server, deadline?: milliseconds }`. Answers at once; progress is in the events and in `/v1/servers`. */
  readonly '/v1/drain-server': ServerDocument;
  /** Body: `{ service, server }`. */
  readonly '/v1/undrain-server': ServerDocument;
  /** Body: `{ reason?: 'restart' | 'upgrade' }`. Answers when the agent is about to end; the next one is somebody else's to start. */
  readonly '/v1/restart': RestartDocument;
  readonly '/v1/reload': ReloadDocument;
  /** What `/v1/reload` would do with the file as it is on disk now; changes nothing. */
  readonly '/v1/check': ReloadDocument;
  /** Begins the histogram of event loop delays anew; answers with what it was. */
  readonly '/v1/event-loop/restart': EventLoopDocument;
}

export type GetPath = keyof GetDocuments;
export type PostPath = keyof PostDocuments;
/** The document behind a path, with or without a query. */
export type GetAnswer<P extends string> = P extends `${infer Base}?${string}`
  ? GetAnswer<Base>
  : P extends GetPath
    ? GetDocuments[P]
    : never;

/** Nobody answers on the socket: the agent is not running, or it runs under another name. */
export class AgentUnreachable extends Error {
  readonly socketPath: string;
  /** Errno name of the connect, e.g. `ENOENT`, `ECONNREFUSED`, `EACCES`. */
  readonly errno: string;

  constructor(socketPath: string, errno: string, options?: ErrorOptions) {
    super(`no agent answers on ${socketPath} (${errno}${UNREACHABLE_HINTS[errno] ?? ''})`, options);
    this.name = 'AgentUnreachable';
    this.socketPath = socketPath;
    this.errno = errno;
  }
}

const UNREACHABLE_HINTS: Readonly<Record<string, string>> = {
  ENOENT: ': the socket does not exist; is the agent running, and under this name?',
  ECONNREFUSED: ': the agent that made this socket is gone',
  EACCES: ': permission denied; the socket is for root and its group',
};

/** The agent understood the request and said no. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

/** Longer than the longest long poll. */
const REQUEST_TIMEOUT = 60_000;

export class ControlClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** Throws `AgentUnreachable` or `ApiError`. */
  async get<P extends GetPath | `${GetPath}?${string}`>(path: P): Promise<GetAnswer<P>> {
    return (await this.#request('GET', path, undefined)) as GetAnswer<P>;
  }

  /** Throws `AgentUnreachable` or `ApiError`. */
  async post<P extends PostPath>(path: P, body: Readonly<Record<string, unknown>> = {}): Promise<PostDocuments[P]> {
    return (await this.#request('POST', path, JSON.stringify(body))) as PostDocuments[P];
  }

  #request(method: string, path: string, body: string | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = request({ socketPath: this.socketPath, method, path, headers, agent: false });
      outgoing.setTimeout(REQUEST_TIMEOUT, () =>
        outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        reject(new AgentUnreachable(this.socketPath, error.code ?? error.message, { cause: error }));
      });
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', (error: NodeJS.ErrnoException) => {
          reject(new AgentUnreachable(this.socketPath, error.code ?? error.message, { cause: error }));
        });
        incoming.on('end', () => {
          try {
            resolve(readAnswer(incoming.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
          } catch (error) {
            reject(error);
          }
        });
      });
      outgoing.end(body);
    });
  }
}

function readAnswer(status: number, text: string): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new ApiError(status, 'internal', `the answer is not JSON: ${text.slice(0, 80)}`);
  }
  if (status >= 200 && status < 300) return document;
  const { error } = document as Partial<ErrorDocument>;
  throw new ApiError(status, error?.code ?? 'internal', error?.message ?? `HTTP status ${status}`);
}
