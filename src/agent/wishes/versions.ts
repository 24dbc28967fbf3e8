/**
 * Which version of each service the data plane should hold. A reload brings a new version; the old one stays in force until
 * enough is known about the new one's servers, and what a reload has taken away stays until no neighbor can send traffic
 * for it any more. In: the services of the file, and what may go. Out: the desired data plane, without the servers' states.
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Service } from '../../core/model/cluster.ts';

export interface VersionQuestions {
  /** Is enough known about this version to hash by it? */
  isSettled(service: Service): boolean;
  /** Can a neighbor still send traffic for this VIP? */
  mustStay(vip: Ipv4): boolean;
}

export class ServiceVersions {
  /** By name, as in the data plane; VIPs that the file no longer has are still in it. */
  #held = new Map<string, Service>();

  /** What is held, as of the last `advance`. */
  held(): readonly Service[] {
    return [...this.#held.values()];
  }

  /** Takes up every version of the file that is settled, and drops what may go. `file`: all services of the file in force. */
  advance(file: readonly Service[], { isSettled, mustStay }: VersionQuestions): void {
    const next = new Map<string, Service>();
    const fileVips = new Set(file.flatMap(({ vips }) => vips));
    // A VIP that moved to another service of the file does not stay with its old one.
    const stays = (vip: Ipv4) => !fileVips.has(vip) && mustStay(vip);
    for (const service of file) {
      const old = this.#held.get(service.name);
      const leaving = old?.vips.filter((vip) => !service.vips.includes(vip) && stays(vip)) ?? [];
      if (isSettled(service)) next.set(service.name, { ...service, vips: [...service.vips, ...leaving] });
      else if (old !== undefined) next.set(old.name, old);
    }
    for (const old of this.#held.values()) {
      if (next.has(old.name) || file.some(({ name }) => name === old.name)) continue;
      const vips = old.vips.filter(stays);
      if (vips.length > 0) next.set(old.name, { ...old, vips });
    }
    this.#held = next;
  }
}
