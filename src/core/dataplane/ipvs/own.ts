/**
 * Which services of IPVS are ours. The kernel has no place to write it down: there are no names or comments, and whoever else uses
 * IPVS beside us makes services just like ours. So it is remembered, in a file of the director's state folder, before a service is
 * made and until it is gone; what the cluster file wishes is ours in any case, whoever made it.
 *
 * With it goes what a listing does not show: the last weights of destinations that have none now (`plan.ts`).
 */
import type { Shares } from './plan.ts';

export interface IpvsMemory {
  /** Texts of keys. */
  readonly own: ReadonlySet<string>;
  readonly shares: Shares;
}

export const NOTHING_OWNED: IpvsMemory = { own: new Set(), shares: new Map() };

const VERSION = 1;

/** For a file. `host` says of which network namespace of which boot the services are. */
export function encodeIpvsMemory(host: string, { own, shares }: IpvsMemory): string {
  const services = [...own].sort();
  const weights = [...shares].map(([key, byServer]) => [key, [...byServer]]);
  return `${JSON.stringify({ version: VERSION, host, services, weights })}\n`;
}

/** What `text` says; nothing when it is of another host or makes no sense: then all services are somebody else's. */
export function decodeIpvsMemory(host: string, text: string): IpvsMemory {
  try {
    const file = JSON.parse(text) as Record<string, unknown>;
    if (file['version'] !== VERSION || file['host'] !== host || !isTexts(file['services'])) return NOTHING_OWNED;
    const weights = Array.isArray(file['weights']) ? file['weights'] : [];
    const shares = weights.filter(isShare).map(([key, byServer]) => [key, new Map(byServer)] as const);
    return { own: new Set(file['services']), shares: new Map(shares) };
  } catch {
    return NOTHING_OWNED;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isPair(value: unknown): value is readonly [string, unknown] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string';
}

function isShare(value: unknown): value is readonly [string, readonly (readonly [string, number])[]] {
  if (!isPair(value) || !Array.isArray(value[1])) return false;
  return value[1].every((one) => isPair(one) && typeof one[1] === 'number');
}

export function sameIpvsMemory(a: IpvsMemory, b: IpvsMemory): boolean {
  if (a.own.size !== b.own.size || a.shares.size !== b.shares.size) return false;
  for (const key of a.own) if (!b.own.has(key)) return false;
  for (const [key, byServer] of a.shares) {
    const other = b.shares.get(key);
    if (other === undefined || other.size !== byServer.size) return false;
    for (const [server, share] of byServer) if (other.get(server) !== share) return false;
  }
  return true;
}
