/**
 * What must hold between an interface's network type, its neighbors and its intervals. A part of `checks/cross.ts`, with the
 * same in and out.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import type { Millis } from '../../base/machine.ts';
import { formatDuration } from '../blocks.ts';
import type { Path } from '../document.ts';
import type { ClusterFile } from '../schema.ts';
import type { Complaint, Sound } from '../sound.ts';

type Settings = NonNullable<Sound<ClusterFile['routing']['instances'][string]['interfaces'][string]>>;

/** Complaints about one interface under `path`. */
export function* networkChecks(path: Path, settings: Settings): Iterable<Complaint> {
  yield* intervals(path, settings);
  yield* listed(path, settings);
  yield* designation(path, settings);
  yield* polling(path, settings);
}

function* intervals(path: Path, { hello, dead }: Settings): Iterable<Complaint> {
  if (hello === undefined || dead === undefined) return;
  const at = { path: [...path, 'dead'], part: 'value' } as const;
  if (hello < MINIMAL_DEAD) {
    if (dead === MINIMAL_DEAD) return;
    const message = `must be 1s where hello is below a second, got ${formatDuration(dead)}`;
    yield {
      ...at,
      message,
      hint: 'such hellos say 0 for their interval, which goes with a dead interval of one second',
    };
  } else if (dead <= hello) {
    const message = `must be longer than hello, which is ${formatDuration(hello)}`;
    yield { ...at, message, hint: `four times hello is usual: ${formatDuration(hello * 4)}` };
  }
}

const MINIMAL_DEAD: Millis = 1000;

function* listed(path: Path, { network, neighbors, passive }: Settings): Iterable<Complaint> {
  if (network === 'nbma' && neighbors === undefined && passive === false) {
    const message = 'network nbma without neighbors: no multicast finds them there';
    yield { path, part: 'key', message, hint: 'add neighbors: [ADDRESS, ...]' };
  }
  if (neighbors === undefined) return;
  const at = { path: [...path, 'neighbors'], part: 'key' } as const;
  if (passive === true)
    yield { ...at, message: 'OSPF is not spoken on a passive interface', hint: 'remove one of both' };
  else if (network === 'broadcast' || network === 'point-to-point') {
    const message = `network ${network} finds its neighbors by multicast`;
    yield { ...at, message, hint: 'remove them, or use nbma or point-to-multipoint' };
  }
  const seen = new Set<Ipv4>();
  for (const [index, neighbor] of neighbors.entries()) {
    if (neighbor?.address === undefined) continue;
    const message = `${formatIpv4(neighbor.address)} stands here twice`;
    if (seen.has(neighbor.address)) yield { path: [...at.path, index], part: 'value', message };
    seen.add(neighbor.address);
  }
}

/** Adjacencies on an NBMA network are with the designated router: without one there are none. */
function* designation(path: Path, { network, neighbors, priority }: Settings): Iterable<Complaint> {
  if (network !== 'nbma' || neighbors === undefined || priority !== 0) return;
  if (neighbors.some((neighbor) => neighbor?.priority !== 0)) return;
  const message = 'nobody may be designated router: all have priority 0, and so have the directors';
  yield { path: [...path, 'neighbors'], part: 'key', message, hint: 'give the routers among them their priority' };
}

function* polling(path: Path, { hello, poll, neighbors }: Settings): Iterable<Complaint> {
  if (poll === undefined) return;
  const at = { path: [...path, 'poll'] } as const;
  if (neighbors === undefined) {
    yield { ...at, part: 'key', message: 'there is nobody to poll', hint: 'it is for those in neighbors' };
  } else if (hello !== undefined && poll <= hello) {
    yield { ...at, part: 'value', message: `must be longer than hello, which is ${formatDuration(hello)}` };
  }
}
