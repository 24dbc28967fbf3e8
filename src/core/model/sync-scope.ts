import type { Protocol } from './protocol.ts';

/** Which connections of a service the other directors hold as well: those that were answered, all of them, none. */
export const SYNC_SCOPES = ['established', 'all', 'off'] as const;
export type SyncScope = (typeof SYNC_SCOPES)[number];

/** Unless the file says otherwise. Packets of UDP are mostly questions with one answer: copying them costs more than it saves. */
export function usualScope(protocol: Protocol = 'tcp'): SyncScope {
  return protocol === 'tcp' ? 'established' : 'off';
}
