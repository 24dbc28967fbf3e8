/** What a director is made of: each part keeps one thing as it is wished, and knows of the others only what it is given here. */
import { Announcer } from './announcer.ts';
import type { DirectorPorts } from './director-ports.ts';
import { ClientKeeper } from './keepers/client-keeper.ts';
import { ConnectionKeeper } from './keepers/connection-keeper.ts';
import { DataplaneKeeper } from './keepers/dataplane-keeper.ts';
import { FillWatch } from './keepers/fill-watch.ts';
import { HealthKeeper } from './keepers/health-keeper.ts';
import { InsideKeeper } from './keepers/inside-keeper.ts';
import { KeyKeeper } from './keepers/key-keeper.ts';
import { LinkKeeper } from './keepers/link-keeper.ts';
import { MissKeeper } from './keepers/miss-keeper.ts';
import { RouteKeeper } from './keepers/route-keeper.ts';
import { ServerKeeper } from './keepers/server-keeper.ts';
import { SyncKeeper } from './keepers/sync-keeper.ts';
import { TunnelKeeper } from './keepers/tunnel-keeper.ts';
import { Speakers } from './speakers.ts';

/** What the parts tell the director. */
export interface DirectorHooks {
  /** Something has changed that a turn should look at. */
  onChange(): void;
  onSynced(): void;
  onFlushed(silent: readonly string[]): void;
}

export function directorParts(ports: DirectorPorts, { onChange, onSynced, onFlushed }: DirectorHooks) {
  const { clock, events } = ports;
  const announcer = new Announcer(events);
  const keys = new KeyKeeper({ clock, events, timeOfDay: ports.timeOfDay, onChange: () => speakers.renewKeys() });
  const speakers = new Speakers({ clock, events, announcer, makeSpeaker: ports.makeSpeaker, keys, onChange });
  const routes = new RouteKeeper({ clock, events, routes: ports.routes });
  const heldLinks = new LinkKeeper({ clock, events, control: ports.linkControl });
  const inside = new InsideKeeper({ clock, events, control: ports.inside });

  const dataplane = new DataplaneKeeper({ clock, events, dataplane: ports.dataplane, onChange });
  const onTunnels = () => dataplane.recheck();
  const tunnels = new TunnelKeeper({ clock, events, control: ports.tunnels, onChange: onTunnels });
  const { startProbe, lastVerdict, conntrack, drained } = ports;
  const health = new HealthKeeper({ clock, events, startProbe, lastVerdict, onChange });
  const connections = new ConnectionKeeper({ clock, events, conntrack, onChange });
  const servers = new ServerKeeper({
    ...{ clock, events, conntrack, onChange, health, connections, dataplane },
    drained: drained.names,
    remember: (names) => drained.keep(names),
  });
  const fill = new FillWatch({
    ...{ clock, events },
    blockCounts: () => connections.portBlocks(),
    recount: () => connections.recount(),
    active: (service, server) => {
      const id = dataplane.serverId(service, server);
      return id === undefined ? undefined : connections.active(id);
    },
    statistics: () => conntrack.statistics(),
  });

  const sync = new SyncKeeper({
    ...{ clock, events, start: ports.startSync, onChange, onFlushed },
    onSynced: () => {
      // What the others kept for this director holds ports of its blocks.
      connections.recount();
      onSynced();
    },
    onClients: (records) => clients.heard(records),
  });
  const clients = new ClientKeeper({
    ...{ clock, events, dataplane: ports.dataplane, seed: ports.seed },
    tell: (records) => sync.tellClients(records),
  });
  const isAnswered = () => sync.answersMisses;
  const misses = new MissKeeper({ clock, events, dataplane: ports.dataplane, isAnswered });
  return {
    ...{ announcer, speakers, keys, routes, heldLinks, inside },
    ...{ dataplane, tunnels, health, connections, servers, fill },
    ...{ sync, clients, misses },
  };
}

export type DirectorParts = ReturnType<typeof directorParts>;
