import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Millis } from '../base/machine.ts';
import type { Health, HealthCheck } from '../model/cluster.ts';

/** One thing to check. Services that check the same address and port in the same way share it. */
export interface HealthTarget {
  readonly address: Ipv4;
  readonly port: number;
  readonly check: HealthCheck;
  readonly interval: Millis;
  readonly timeout: Millis;
  readonly rise: number;
  readonly fall: number;
}

export function healthTarget(address: Ipv4, health: Health): HealthTarget {
  return { address, ...health };
}

/** What makes targets the same: address, port and check, e.g. `10.2.0.21:80 http /healthz 200`. Timing is no part of it. */
export function targetKey({ address, port, check }: HealthTarget): string {
  return `${formatIpv4(address)}:${port} ${checkText(check)}`;
}

/** A check as the operator reads it: `tcp`, `http /healthz 200 www.example.org`. */
export function checkText(check: HealthCheck): string {
  if (check.kind === 'tcp') return 'tcp';
  return ['http', check.path, check.expect, ...(check.host === undefined ? [] : [check.host])].join(' ');
}

/** Where services want the same target at different paces, the most demanding setting of each kind counts. */
export function strictest(a: HealthTarget, b: HealthTarget): HealthTarget {
  return {
    ...a,
    interval: Math.min(a.interval, b.interval),
    timeout: Math.min(a.timeout, b.timeout),
    rise: Math.max(a.rise, b.rise),
    fall: Math.min(a.fall, b.fall),
  };
}
