/**
 * Checks of directors that are real servers of direct routing as well, and of the MAC addresses by which what they send on is told
 * from what clients send. In and out as in `checks/cross.ts`.
 */
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, Firsts, items, type Sound } from '../sound.ts';
import { didYouMean } from '../suggest.ts';

type File = Sound<ClusterFile>;

export function* loopChecks(file: File): Iterable<Complaint> {
  yield* owners(file);
  yield* references(file);
  yield* missing(file);
}

function* owners(file: File): Iterable<Complaint> {
  const firsts = new Firsts<string>();
  for (const [name, { mac }] of entries(file.directors)) {
    for (const [index, one] of items(mac)) {
      const other = firsts.claim(one, name);
      if (other === undefined) continue;
      const message = other === name ? `${one} stands here twice` : `${one} is director ${other}’s`;
      yield { path: ['directors', name, 'mac', index], part: 'value', message };
    }
  }
}

function* references(file: File): Iterable<Complaint> {
  const names = entries(file.directors).map(([name]) => name);
  for (const [name, service] of entries(file.services)) {
    const takers = new Firsts<string>();
    for (const [server, { director }] of entries(service.servers)) {
      if (director === undefined) continue;
      const at = { path: ['services', name, 'servers', server, 'director'] };
      if (names.length > 0 && !names.includes(director)) {
        yield { ...at, part: 'value', message: 'there is no such director', hint: didYouMean(director, names) };
      }
      const other = takers.claim(director, server);
      if (other !== undefined)
        yield { ...at, part: 'value', message: `server ${other} is director ${director} already` };
      if (service.forward !== undefined && service.forward !== 'dr') {
        const message = `for forward: dr, where packets could come back; forward: ${service.forward} changes what it sends on`;
        yield { ...at, part: 'key', message, hint: 'remove it' };
      } else if ('fwmark' in service) {
        const message = 'not with fwmark: the rules that set the mark have to leave out what other directors send';
        yield { ...at, part: 'key', message, hint: 'write ports, for which the rules are made here' };
      }
    }
  }
}

/** A director by whose MAC address nobody can tell what it sends on would get it back. */
function* missing(file: File): Iterable<Complaint> {
  const service = entries(file.services).find(([, { servers }]) =>
    entries(servers).some(([, { director }]) => director !== undefined),
  );
  const directors = entries(file.directors);
  if (service === undefined || directors.length < 2) return;
  for (const [name, director] of directors) {
    if ('mac' in director) continue;
    const message = `no MAC address, by which others tell what it sends on for service ${service[0]} from what clients send`;
    yield { path: ['directors', name], part: 'key', message, hint: 'add mac: ADDRESS' };
  }
}
