/**
 * Who knows this connection? By what the client sends, or by what the server sees:
 *
 *     id u32 | side u8 (0 client, 1 server)
 *     client or server u32 | VIP or local u32 | client's or server's port u16 | VIP's or local port u16 | protocol u8
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { KEY_BYTES } from '../records/record.ts';
import { Side } from './codes.ts';

export interface Query {
  readonly kind: 'query';
  readonly id: number;
  readonly side: 'client' | 'server';
  /** 13 bytes: a record's key, or its server, local, server port, local port, protocol. Decoded, a view. */
  readonly tuple: Uint8Array;
}

/** @throws DecodeError 'short', 'value' */
export function decodeQuery(r: Reader): Query {
  const id = r.u32();
  const side = r.u8();
  if (side > Side.server) throw new DecodeError('value', r.offset - 1, `side ${side}`);
  return { kind: 'query', id, side: side === Side.client ? 'client' : 'server', tuple: r.take(KEY_BYTES) };
}

/** @throws RangeError when the tuple is not of 13 bytes */
export function encodeQuery(w: Writer, { id, side, tuple }: Query): void {
  if (tuple.length !== KEY_BYTES) throw new RangeError(`a tuple of ${tuple.length} bytes`);
  w.u32(id).u8(Side[side]).raw(tuple);
}
