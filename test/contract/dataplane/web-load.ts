/**
 * HTTP as fast as this machine can do it: nginx on the real servers, wrk on the client, both from root folders. Every request
 * is a connection of its own unless it is told otherwise.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { until } from '../../../lab/runtimes/wait.ts';
import { exec } from '../../../src/io/exec.ts';
import { type Network, SERVERS } from './netns.ts';

/** In `/srv` of its own: the root folder is everybody's. */
const NGINX = `master_process off;
daemon off;
pid /srv/nginx.pid;
worker_rlimit_nofile 65536;
events {
  worker_connections 16384;
}
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path /srv/body;
  proxy_temp_path /srv/proxy;
  fastcgi_temp_path /srv/fastcgi;
  uwsgi_temp_path /srv/uwsgi;
  scgi_temp_path /srv/scgi;
  server {
    listen 80 backlog=8192;
    location = / {
      return 200 "ok\\n";
    }
    location = /bulk {
      alias /srv/bulk;
    }
  }
}
`;
const BULK_BYTES = 4 * 1024 * 1024;

const ENTER = 'mount --bind "$1" "$2/srv" && exec chroot "$2" /usr/sbin/nginx -e stderr -c /srv/nginx.conf';

export interface LoadReport {
  readonly requests: number;
  /** Bytes of answers, headers included. */
  readonly bytes: number;
  readonly seconds: number;
  /** Connections that were refused, reset or timed out, and answers other than 200. */
  readonly errors: number;
}

export interface LoadOptions {
  /** Numeric, with a port: a root folder knows no names. One wrk for each. */
  readonly urls: readonly string[];
  readonly seconds: number;
  /** Connections at once, of all together. */
  readonly connections: number;
  /** Many requests over one connection. */
  readonly keepAlive?: boolean;
}

/** nginx on every real server of a network, and the load that meets them. */
export class WebLoad {
  readonly #network: Network;
  readonly #servers: ChildProcess[] = [];
  #folder = '';

  constructor(network: Network) {
    this.#network = network;
  }

  async up(): Promise<void> {
    await ensureRoots(['nginx', 'load'], () => undefined);
    this.#folder = await mkdtemp(join(tmpdir(), 'sluice-web-'));
    await writeFile(join(this.#folder, 'nginx.conf'), NGINX);
    await writeFile(join(this.#folder, 'bulk'), Buffer.alloc(BULK_BYTES));
    const root = await rootPath('nginx');
    for (const node of SERVERS) {
      const argv = ['netns', 'exec', this.#network.netns(node), 'sh', '-c', ENTER, 'sh', this.#folder, root];
      this.#servers.push(spawn('ip', argv, { stdio: ['ignore', 'ignore', 'inherit'] }));
    }
    for (const node of SERVERS) {
      await until(
        `nginx on ${node}`,
        10_000,
        async () => (await this.#network.in(node, ['ss', '-Hltn', 'sport = :80'])) !== '',
      );
    }
  }

  async down(): Promise<void> {
    for (const server of this.#servers) {
      const ended = once(server, 'close');
      if (server.exitCode !== null || !server.kill('SIGKILL')) continue;
      await ended;
    }
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  async load({ urls, seconds, connections, keepAlive = false }: LoadOptions): Promise<LoadReport> {
    const each = Math.ceil(connections / urls.length);
    const header = keepAlive ? [] : ['-H', 'Connection: close'];
    const wrk = [
      'chroot',
      await rootPath('load'),
      'wrk',
      '-t1',
      `-c${each}`,
      `-d${seconds}s`,
      '--timeout',
      '5s',
      ...header,
    ];
    const reports = await Promise.all(
      urls.map(async (url) => {
        const argv = ['ip', 'netns', 'exec', this.#network.netns('cl'), ...wrk, url] as const;
        const { code, stdout, stderr } = await exec([...argv], { deadline: seconds * 1000 + 30_000 });
        if (code !== 0) throw new Error(`wrk: ${stderr}${stdout}`);
        return readWrkReport(stdout);
      }),
    );
    const sum = (of: (report: LoadReport) => number) => reports.reduce((total, report) => total + of(report), 0);
    return {
      requests: sum(({ requests }) => requests),
      bytes: sum(({ bytes }) => bytes),
      errors: sum(({ errors }) => errors),
      seconds: Math.max(...reports.map((report) => report.seconds)),
    };
  }
}

const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/**
 * ```
 *   55233 requests in 3.10s, 8.75MB read
 *   Socket errors: connect 0, read 12, write 0, timeout 0
 *   Non-2xx or 3xx responses: 4
 * ```
 * The last two only when there were any. Throws an Error with what wrk said instead.
 */
export function readWrkReport(text: string): LoadReport {
  const [, requests, amount, span, read, unit] =
    /(\d+) requests in ([\d.]+)(m?s|m), ([\d.]+)([KMGT]?B) read/.exec(text) ?? [];
  if (requests === undefined) throw new Error(`wrk said: ${text}`);
  const seconds = Number(amount) * (span === 'ms' ? 0.001 : span === 'm' ? 60 : 1);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text) ?? [];
  const answers = /Non-2xx or 3xx responses: (\d+)/.exec(text) ?? [];
  const errors = [...sockets.slice(1), ...answers.slice(1)].reduce((sum, count) => sum + Number(count), 0);
  return { requests: Number(requests), bytes: Number(read) * UNITS[unit!]!, seconds, errors };
}
