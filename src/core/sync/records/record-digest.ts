/**
 * 64 bits that stand for a connection in the digests that directors compare: over what they must agree on (key, server,
 * local address, their ports, owner, epoch), not over what changes all the time (state, flags, timeout). The digest of a set
 * is the XOR of its members', so that one comes and goes without a look at the others.
 *
 * Two 32-bit hashes over nine words, each as the number that it is: client, VIP, both their ports, protocol, server, local,
 * both their ports, owner, epoch. The first is MurmurHash3_x86_32 (Appleby) with seed 1; the second the same with seed 2 and
 * the multipliers 0x239b961b and 0xab0e9789 (MurmurHash3_x86_128's first). No defence against records that are chosen to
 * collide: whoever may send records may send any.
 */
import { i32At } from '../../base/big-endian.ts';
import { Field } from './record.ts';

const BYTES_HASHED = 36;

function mixFirst(state: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = state ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function mixSecond(state: number, word: number): number {
  let k = Math.imul(word, 0x239b961b);
  k = Math.imul((k << 15) | (k >>> 17), 0xab0e9789);
  const h = state ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(state: number): number {
  let h = state ^ BYTES_HASHED;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** XORs a record's digest into `into[where]` and `into[where + 1]`: once puts it in, once more takes it out. */
export function toggleDigest(into: Uint32Array, where: number, bytes: Uint8Array, at: number): void {
  const client = i32At(bytes, at);
  const vip = i32At(bytes, at + Field.vip);
  const outsidePorts = i32At(bytes, at + Field.clientPort);
  const protocol = bytes[at + Field.protocol]!;
  const server = i32At(bytes, at + Field.server);
  const local = i32At(bytes, at + Field.local);
  const insidePorts = i32At(bytes, at + Field.serverPort);
  const owner = i32At(bytes, at + Field.owner);
  const epoch = i32At(bytes, at + Field.epoch);

  let first = mixFirst(mixFirst(mixFirst(mixFirst(1, client), vip), outsidePorts), protocol);
  first = mixFirst(mixFirst(mixFirst(first, server), local), insidePorts);
  first = mixFirst(mixFirst(first, owner), epoch);
  let second = mixSecond(mixSecond(mixSecond(mixSecond(2, client), vip), outsidePorts), protocol);
  second = mixSecond(mixSecond(mixSecond(second, server), local), insidePorts);
  second = mixSecond(mixSecond(second, owner), epoch);

  into[where] = into[where]! ^ finish(first);
  into[where + 1] = into[where + 1]! ^ finish(second);
}
