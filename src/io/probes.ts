/**
 * One health probe: a TCP connect, or an HTTP GET whose status must be the expected one. When to probe and what a result
 * means is decided in `src/core/health`; here a probe is started, ended by its timeout at the latest, and reported once.
 */
import { get } from 'node:http';
import { connect } from 'node:net';
import { formatIpv4, type Ipv4 } from '../core/base/ipv4.ts';
import type { Millis } from '../core/base/machine.ts';
import type { HealthCheck } from '../core/model/cluster.ts';

export interface ProbeTarget {
  readonly address: Ipv4;
  readonly port: number;
  readonly check: HealthCheck;
}

export interface ProbeResult {
  readonly ok: boolean;
  /** For people: `200`, `connected`, `ECONNREFUSED`, `timeout after 1000 ms`. */
  readonly detail: string;
}

type Report = (ok: boolean, detail: string) => void;

/** Starts a probe; `onResult` is called exactly once, later, unless the returned function cancels it first. */
export function startProbe(target: ProbeTarget, timeout: Millis, onResult: (result: ProbeResult) => void): () => void {
  let done = false;
  let end = () => {};
  const report: Report = (ok, detail) => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    end();
    onResult({ ok, detail });
  };
  const timer = setTimeout(() => report(false, `timeout after ${timeout} ms`), timeout);
  end = target.check.kind === 'tcp' ? probeTcp(target, report) : probeHttp(target, target.check, report);
  return () => {
    done = true;
    clearTimeout(timer);
    end();
  };
}

/** The connection is reset rather than closed: a probe leaves nothing behind in the server's TIME-WAIT table. */
function probeTcp(target: ProbeTarget, report: Report): () => void {
  const socket = connect({ host: formatIpv4(target.address), port: target.port });
  socket.on('connect', () => report(true, 'connected'));
  socket.on('error', (error: NodeJS.ErrnoException) => report(false, error.code ?? error.message));
  return () => socket.resetAndDestroy();
}

function probeHttp(target: ProbeTarget, check: HealthCheck & { kind: 'http' }, report: Report): () => void {
  const host = check.host ?? formatIpv4(target.address);
  const outgoing = get({
    host: formatIpv4(target.address),
    port: target.port,
    path: check.path,
    headers: { host, 'user-agent': 'sluice-health' },
    agent: false,
  });
  outgoing.on('response', (incoming) => {
    incoming.resume();
    const status = incoming.statusCode ?? 0;
    report(status === check.expect, status === check.expect ? `${status}` : `${status}, not ${check.expect}`);
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => report(false, error.code ?? error.message));
  return () => outgoing.destroy();
}
