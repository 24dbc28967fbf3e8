/**
 * Checks of the hand-over: who shares local addresses needs one, and it needs a way from every director to every other. In and
 * out as in `checks/cross.ts`.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { ClusterFile } from '../schema.ts';
import { addressesInUse } from '../service-addresses.ts';
import { type Complaint, entries, type Sound } from '../sound.ts';
import { didYouMean } from '../suggest.ts';

type File = Sound<ClusterFile>;

const AT = ['local', 'handOver'];

export function* handOverChecks(file: File): Iterable<Complaint> {
  yield* need(file);
  yield* addresses(file);
  yield* owners(file);
  yield* tunnelCount(file);
  yield* segment(file);
}

/** An answer to a shared address meets any director, most often one that does not know its connection. */
function* need(file: File): Iterable<Complaint> {
  if (file.local === undefined || file.snat === undefined) return;
  const isGiven = 'handOver' in file.local;
  const isShared = 'shared' in file.local;
  const pools = Object.keys(file.snat);
  if (isGiven && !isShared && pools.length === 0) {
    const hint = 'it is for local.shared, and for snat';
    yield { path: AT, part: 'key', message: 'there is nothing to hand over', hint };
  }
  if (isGiven || Object.keys(file.directors ?? {}).length < 2) return;
  const isUsed = entries(file.services).some(([, { forward }]) => forward === 'fullnat');
  const sharing = [
    ...(isShared && isUsed ? [['local', 'shared']] : []),
    ...pools.map((name) => ['snat', name, 'pool']),
  ];
  const message = 'an answer to a shared address meets any director, and nothing brings it to the one that knows it';
  const hint = 'add handOver: ALIAS of an interface between the directors, or handOver: { vxlan: { id: N } }, to local';
  for (const path of sharing) yield { path, part: 'key', message, hint };
}

/** Every director has one, or none has. */
function* addresses(file: File): Iterable<Complaint> {
  if (file.local === undefined) return;
  const isGiven = 'handOver' in file.local;
  for (const [name, director] of entries(file.directors)) {
    const path = ['directors', name];
    if (isGiven && !('handOver' in director)) {
      const hint = 'add handOver: ADDRESS';
      yield { path, part: 'key', message: 'no address at which answers are handed over to it', hint };
    }
    if (isGiven || !('handOver' in director)) continue;
    const hint = 'add handOver to local, or remove it here';
    yield { path: [...path, 'handOver'], part: 'key', message: 'nothing is handed over in this cluster', hint };
  }
}

/** Each is one director's, and nothing else. */
function* owners(file: File): Iterable<Complaint> {
  const holders = addressesInUse(file);
  for (const [name, { handOver }] of entries(file.directors)) {
    if (handOver === undefined) continue;
    const other = holders.claim(handOver, `that of director ${name}`);
    if (other === undefined) continue;
    const message = `${formatIpv4(handOver)} is ${other}`;
    yield { path: ['directors', name, 'handOver'], part: 'value', message };
  }
}

/** Each of the others is a next hop of a /24 on the device of the tunnels. */
const MOST_DIRECTORS = 254;

function* tunnelCount(file: File): Iterable<Complaint> {
  const count = Object.keys(file.directors ?? {}).length;
  if (typeof file.local?.handOver !== 'object' || count <= MOST_DIRECTORS) return;
  yield { path: AT, part: 'key', message: `${count} directors; tunnels are for at most ${MOST_DIRECTORS}` };
}

function* segment(file: File): Iterable<Complaint> {
  const alias = file.local?.handOver;
  if (typeof alias !== 'string') return;
  yield* devices(file, alias);
  for (const [instance, { announce, interfaces }] of entries(file.routing?.instances)) {
    if (interfaces === undefined || !Object.hasOwn(interfaces, alias)) continue;
    const announced = (['local', 'snat'] as const).find((one) => announce?.includes(one));
    if (announced === undefined) continue;
    // What comes in there counts as handed over already: else directors that disagree would send it round for ever.
    const message = `answers come in by ${alias} itself, where instance ${instance} announces ${announced}: none would be handed over`;
    yield { path: AT, part: 'value', message, hint: 'use an interface of its own, or vxlan' };
  }
}

function* devices(file: File, alias: string): Iterable<Complaint> {
  const all = entries(file.directors).filter(([, { interfaces }]) => interfaces !== undefined);
  const known = new Set(all.flatMap(([, { interfaces }]) => Object.keys(interfaces!)));
  if (all.length > 0 && !known.has(alias)) {
    const hint = didYouMean(alias, known);
    yield { path: AT, part: 'value', message: `no director has an interface with the alias ${alias}`, hint };
    return;
  }
  for (const [name, { interfaces }] of all) {
    const path = ['directors', name, 'interfaces'];
    if (!Object.hasOwn(interfaces!, alias)) {
      const message = `no interface with the alias ${alias}, which local.handOver uses`;
      yield { path, part: 'key', message, hint: `add ${alias}: DEVICE` };
    } else if (interfaces![alias] === 'lo') {
      yield {
        path: [...path, alias],
        part: 'value',
        message: 'answers are handed over by this one, and lo leads nowhere',
      };
    }
  }
}
