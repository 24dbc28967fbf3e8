/**
 * What a Grace-LSA says (RFC 3623 appendix A): an opaque LSA of type 9, opaque type 3, opaque id 0, whose content is TLVs:
 *
 *     type u16 | length u16 | value, filled up to a multiple of 4 bytes
 *     1 grace period        u32, seconds                                                    must be there
 *     2 restart reason      u8                                                              must be there
 *     3 interface address   u32, of the restarting router; on links with more than one neighbor
 *
 * Other types are passed over. The age of the LSA is the part of the grace period that has passed.
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { Reader } from '../../base/reader.ts';
import { Writer } from '../../base/writer.ts';
import { LSA_HEADER_LENGTH, LsType, OpaqueType } from '../codes.ts';
import type { RestartReason } from '../events.ts';
import { buildOpaqueLsa } from './codec.ts';
import type { Lsa, LsaKey } from './lsa.ts';
import { opaqueTypeOf } from './opaque-lsa.ts';
import { filling } from './tlv.ts';

export interface GraceLsa {
  /** Seconds. */
  readonly period: number;
  readonly reason: RestartReason;
  /** Undefined where the link has two ends and no more. */
  readonly address: Ipv4 | undefined;
}

const Tlv = { period: 1, reason: 2, address: 3 } as const;
const TLV_HEADER_LENGTH = 4;

/** By code, RFC 3623 B.3. */
const REASONS: readonly RestartReason[] = ['unknown', 'restart', 'upgrade', 'redundantProcessor'];

/** Link state id 3.0.0.0. */
export const GRACE_LSA_ID: Ipv4 = OpaqueType.grace << 24;

export function isGraceLsa({ type, id }: LsaKey): boolean {
  return type === LsType.opaqueLink && opaqueTypeOf(id) === OpaqueType.grace;
}

/** @throws DecodeError 'short' (a TLV cut off), 'length' (a TLV of the wrong length), 'value' (period or reason missing) */
export function decodeGraceLsa(lsa: Lsa): GraceLsa {
  const r = new Reader(lsa.bytes, LSA_HEADER_LENGTH);
  const values = new Map<number, number>();
  while (r.remaining > 0) {
    const [type, length] = [r.u16(), r.u16()];
    const value = r.within(length);
    if (type === Tlv.reason) values.set(type, whole(value, 1).u8());
    else if (type === Tlv.period || type === Tlv.address) values.set(type, whole(value, 4).u32());
    // The last TLV's filling may be missing.
    r.skip(Math.min(filling(length), r.remaining));
  }
  const [period, reason] = [values.get(Tlv.period), values.get(Tlv.reason)];
  if (period === undefined || reason === undefined) {
    throw new DecodeError('value', LSA_HEADER_LENGTH, 'a Grace-LSA without its period or reason');
  }
  return { period, reason: REASONS[reason] ?? 'unknown', address: values.get(Tlv.address) };
}

function whole(value: Reader, length: number): Reader {
  if (value.remaining === length) return value;
  throw new DecodeError('length', value.offset, `${value.remaining} bytes, not ${length}`);
}

/** `header`: what is not the same for all Grace-LSAs. */
export function buildGraceLsa(
  header: { readonly advertisingRouter: Ipv4; readonly options: number; readonly sequence: number },
  { period, reason, address }: GraceLsa,
): Lsa {
  const w = new Writer(3 * (TLV_HEADER_LENGTH + 4));
  w.u16(Tlv.period).u16(4).u32(period);
  w.u16(Tlv.reason).u16(1).u8(REASONS.indexOf(reason)).u8(0).u16(0);
  if (address !== undefined) w.u16(Tlv.address).u16(4).u32(address);
  return buildOpaqueLsa({ ...header, type: LsType.opaqueLink, id: GRACE_LSA_ID, age: 0 }, w.view());
}
