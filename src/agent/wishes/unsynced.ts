/**
 * What connection sync leaves out although the file has keys, and what becomes of such a connection when it moves to another
 * director. Who has keys expects connections to be protected: it is told in the events, in `sluice status` and in `sluice sync`.
 */
import type { Cluster, Service } from '../../core/model/cluster.ts';
import type { EventLog } from '../events.ts';

interface Unsynced {
  readonly service: string;
  readonly reason: string;
}

const HELD_BY = {
  // Conntrack knows it only as beginning at the VIP; where it goes stands in IPVS alone.
  ipvs: 'IPVS keeps its connections, which are not copied',
  direct: 'answers pass the directors, no connection is translated',
} as const;

/** Services whose connections no other director is told of, but for those whose file says `sync: off`, or that are UDP and say nothing. */
export function unsyncedServices({ keys, services }: Cluster, plane: string): readonly Unsynced[] {
  if (keys === undefined) return [];
  return services.flatMap((service) => {
    const held = heldBy(service, plane);
    return held === undefined ? [] : [{ service: service.name, reason: `${HELD_BY[held]}; ${whatMoves(service)}` }];
  });
}

function heldBy({ forward, sync }: Service, plane: string): keyof typeof HELD_BY | undefined {
  if (forward === 'dr' || forward === 'tun') return 'direct';
  return forward === 'nat' && plane === 'ipvs' && sync !== 'off' ? 'ipvs' : undefined;
}

function whatMoves({ scheduler, persistence }: Service): string {
  if (scheduler.name !== 'mh') return `with ${scheduler.name} one that moves to another director ends`;
  if (persistence !== undefined)
    return 'one that moves finds its server by the hash, not the one that its client is remembered for';
  return 'one that moves finds its server again by the hash, unless the pool has changed';
}

/** Tells of them when they change. */
export class UnsyncedNotice {
  readonly #events: Pick<EventLog, 'emit'>;
  #told = '';

  constructor(events: Pick<EventLog, 'emit'>) {
    this.#events = events;
  }

  tell(unsynced: readonly Unsynced[]): void {
    const services = unsynced.map(({ service, reason }) => `${service}: ${reason}`);
    const text = services.join('\n');
    if (text === this.#told) return;
    this.#told = text;
    this.#events.emit('sync-left-out', { services });
  }
}
