import { DecodeError } from '../../base/decode-error.ts';
import { type Ipv4, lengthOfMask } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';

/** Reads a network mask whose ones must be contiguous; else what it covers cannot be a prefix. @throws DecodeError */
export function decodeMask(r: Reader): Ipv4 {
  const at = r.offset;
  const mask = r.u32();
  if (lengthOfMask(mask) === undefined) throw new DecodeError('value', at, 'mask is not contiguous');
  return mask;
}
