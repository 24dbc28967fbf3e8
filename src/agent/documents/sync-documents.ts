/** The document about connection sync, from what the sync thread said last. */
import type { StatusDocument } from '../../api/documents.ts';
import type { SyncDocument, SyncMembersDocument, SyncPeerDocument } from '../../api/sync-documents.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import type { MemberView, SyncPeerStatus } from '../../core/model/sync.ts';
import type { Director } from '../director.ts';
import type { SyncKeeper } from '../keepers/sync-keeper.ts';
import { unsyncedServices } from '../wishes/unsynced.ts';

type Agent = Pick<Director, 'now' | 'loaded' | 'misses'> & {
  readonly sync: Pick<SyncKeeper, keyof SyncKeeper>;
  readonly dataplane: Pick<Director['dataplane'], 'name'>;
};

const NO_CONNECTIONS = { total: 0, own: 0, bytes: 0 };

export function syncDocument(agent: Agent): SyncDocument {
  const { sync } = agent;
  const { status, view } = sync;
  const age = (since: Instant): Millis => Math.max(0, Math.round(agent.now() - since));
  const state = stateOf(agent);
  return {
    state,
    fault: state === 'down' ? (sync.fault ?? 'the sync thread does not answer') : null,
    members: view === undefined ? null : membersDocument(view, age),
    connections: status?.connections ?? NO_CONNECTIONS,
    leftOut: unsyncedServices(agent.loaded.cluster, agent.dataplane.name),
    secondChance: agent.misses.isOpen,
    peers: status?.peers.map((peer) => peerDocument(peer, agent.loaded.hash, age)) ?? [],
    counters: status?.counters ?? {},
  };
}

function stateOf({ loaded, sync }: Agent): SyncDocument['state'] {
  if (loaded.cluster.keys === undefined) return 'off';
  if (sync.fault !== undefined || (sync.status !== undefined && !sync.isAlive)) return 'down';
  return sync.status?.synced === true ? 'synced' : 'syncing';
}

function membersDocument({ living, dead }: MemberView, age: (since: Instant) => Millis): SyncMembersDocument {
  return {
    living: living.map(({ name, epoch, since }) => ({ name, epoch, age: age(since) })),
    dead: dead.map(({ name, since }) => ({ name, age: age(since) })),
  };
}

function peerDocument(peer: SyncPeerStatus, hash: string, age: (since: Instant) => Millis): SyncPeerDocument {
  const { since, lag, digestsMatch, fileHash, lastError, ...rest } = peer;
  return {
    ...rest,
    age: age(since),
    lag: lag ?? null,
    sameFile: fileHash === undefined ? null : hash.startsWith(fileHash),
    digestsMatch: digestsMatch ?? null,
    lastError: lastError ?? null,
  };
}

/** What `sluice status` says of it; null where nothing is synced. */
export function syncSummary(agent: Agent): StatusDocument['sync'] {
  const { state, fault, members, peers, leftOut } = syncDocument(agent);
  if (state === 'off') return null;
  const services = leftOut.map(({ service }) => service).join(', ');
  const ofPeers = peers.flatMap(({ name, state: now, sameFile, digestsMatch, lastError }) => [
    ...(now === 'up' ? [] : [`${name} is ${now}${lastError === null ? '' : ` (${lastError})`}`]),
    ...(sameFile === false ? [`${name} has another cluster file`] : []),
    ...(digestsMatch === false ? [`${name} holds other connections than we do`] : []),
  ]);
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  return {
    ...{
      state,
      fault,
      troubles: services === '' ? ofPeers : [...ofPeers, `without ${services} (sluice sync says why)`],
    },
    living: members && names(members.living),
    dead: members === null ? [] : names(members.dead),
  };
}
