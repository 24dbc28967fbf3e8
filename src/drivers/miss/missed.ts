/** From the bytes of a packet to what is told of it; shared by the adapters. */
import { DecodeError } from '../../core/base/decode-error.ts';
import { checksumState } from '../../core/packet/checksum.ts';
import { parsePacket } from '../../core/packet/packet.ts';
import type { Missed } from './port.ts';

/** Why a packet is not told of. */
export type Unfit = 'malformed' | 'damaged';

export function readMissed(bytes: Uint8Array): Missed | Unfit {
  try {
    const packet = parsePacket(bytes);
    const checksum = checksumState(packet);
    // conntrack calls a damaged packet invalid, hence it comes here: with a new checksum nobody could tell any more.
    return checksum === 'wrong' ? 'damaged' : { ...packet, checksum };
  } catch (error) {
    if (error instanceof DecodeError) return 'malformed';
    throw error;
  }
}
