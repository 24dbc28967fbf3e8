import type { SyncDocument } from '../../../src/api/sync-documents.ts';

/** What a director tells of connection sync when its cluster file has none. */
export const SYNC_OFF: SyncDocument = {
  state: 'off',
  fault: null,
  members: null,
  connections: { total: 0, own: 0, bytes: 0 },
  leftOut: [],
  secondChance: false,
  peers: [],
  counters: {},
};
