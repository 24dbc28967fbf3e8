/**
 * Checks of what stands in for servers and how they come back: the sorry server, slow start. In and out as in
 * `checks/cross.ts`.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, items, type Sound } from '../sound.ts';

type File = Sound<ClusterFile>;
type Service = NonNullable<NonNullable<File['services']>[string]>;

export function* serverChecks(file: File): Iterable<Complaint> {
  for (const [name, service] of entries(file.services)) {
    const path = ['services', name];
    yield* sorryChecks(file, path, service);
    yield* slowStartChecks(path, service);
  }
}

/** It stands in for all servers: it is none of them, and it is to be seen when they are down. */
function* sorryChecks(file: File, path: readonly string[], service: Service): Iterable<Complaint> {
  const { sorry, servers, announce } = service;
  if (sorry === undefined) return;
  const at = { path: [...path, 'sorry'], part: 'value' } as const;
  const shown = formatIpv4(sorry);
  const server = entries(servers).find(([, { address }]) => address === sorry)?.[0];
  if (server !== undefined) {
    const hint = 'it answers when none of the servers is up';
    yield { ...at, message: `${shown} is server ${server} of the same service`, hint };
  }
  for (const [other, { vip }] of entries(file.services)) {
    if (items(vip).some(([, address]) => address === sorry)) {
      yield { ...at, message: `${shown} is the VIP of service ${other}` };
      break;
    }
  }
  if (announce?.whenDown === 'withdraw') {
    const message = 'the sorry server would never be seen: a VIP without servers is withdrawn';
    const hint = 'use metric, or keep, or take sorry out';
    yield { path: [...path, 'announce', 'whenDown'], part: 'value', message, hint };
  }
}

/** Slots that come back one tenth after the other are those of a hash. */
function* slowStartChecks(path: readonly string[], { slowStart, scheduler }: Service): Iterable<Complaint> {
  const name = scheduler?.name;
  if (slowStart === undefined || slowStart === 0 || name === undefined || name === 'mh') return;
  const message = `${name} has no slow start: a server takes its turns or it does not`;
  yield { path: [...path, 'slowStart'], part: 'key', message, hint: 'use mh' };
}
