/**
 * LSAs between bytes and values. One file beside this one per LSA type has its layout.
 *
 * In: the bytes of one whole LSA (RFC 2328 A.4), or a header and a body that we originate. Out: an `Lsa` whose `bytes` are
 * the wire form, or a DecodeError. What is decoded is a view of the caller's memory: `copyLsa` before it goes into a
 * database. Nothing here knows about databases, ages that pass, or who may originate what.
 */
import { DecodeError } from '../../base/decode-error.ts';
import { Reader } from '../../base/reader.ts';
import { Writer } from '../../base/writer.ts';
import { LSA_HEADER_LENGTH, LsType } from '../codes.ts';
import { fillLsaChecksum, isLsaChecksumValid } from './checksum.ts';
import { decodeExternalLsa, encodeExternalLsa } from './external-lsa.ts';
import { decodeLsaHeader, encodeLsaHeader } from './header.ts';
import type { Lsa, LsaBody, LsaHeader } from './lsa.ts';
import { decodeNetworkLsa, encodeNetworkLsa } from './network-lsa.ts';
import { decodeOpaqueLsa } from './opaque-lsa.ts';
import { decodeRouterLsa, encodeRouterLsa } from './router-lsa.ts';
import { decodeSummaryLsa, encodeSummaryLsa } from './summary-lsa.ts';

export { decodeLsaHeader, encodeLsaHeader };

/** What the originator decides; length and checksum follow from it. */
export type NewLsaHeader = Omit<LsaHeader, 'length' | 'checksum'>;

/** RFC 2328 12.1.6: reserved, so that a signed comparison always has a least value to spare. */
const RESERVED_SEQUENCE = 0x80000000 | 0;
const MAX_LSA_LENGTH = 0xffff;

/**
 * Decodes one LSA; `bytes` must be that LSA and nothing else. The result's `bytes` is the array given, not a copy.
 *
 * Checked, in this order: length, checksum (RFC 2328 13 (1)), type (13 (2)), sequence, contents.
 *
 * @throws DecodeError 'short' or 'length' (the length field lies), 'trailing' (bytes beyond the LSA, or beyond what its
 *   body says), 'checksum', 'type', 'value' (reserved sequence, mask with holes)
 */
export function decodeLsa(bytes: Uint8Array): Lsa {
  const r = new Reader(bytes);
  const header = decodeLsaHeader(r);
  if (header.length < LSA_HEADER_LENGTH || header.length > bytes.length) {
    throw new DecodeError('length', 18, `${header.length} of ${bytes.length} bytes`);
  }
  if (header.length < bytes.length) throw new DecodeError('trailing', header.length, 'bytes beyond the LSA');
  if (!isLsaChecksumValid(bytes)) throw new DecodeError('checksum', 16);
  const body = decodeBody(r, header.type);
  if (header.sequence === RESERVED_SEQUENCE) throw new DecodeError('value', 12, 'reserved sequence number');
  r.finish();
  return { header, body, bytes };
}

function decodeBody(r: Reader, type: number): LsaBody {
  switch (type) {
    case LsType.router:
      return decodeRouterLsa(r);
    case LsType.network:
      return decodeNetworkLsa(r);
    case LsType.summaryNetwork:
    case LsType.summaryAsbr:
      return decodeSummaryLsa(r, type);
    case LsType.asExternal:
    case LsType.nssa:
      return decodeExternalLsa(r);
    case LsType.opaqueLink:
    case LsType.opaqueArea:
    case LsType.opaqueAs:
      return decodeOpaqueLsa(r);
    default:
      throw new DecodeError('type', 3, `LS type ${type}`);
  }
}

/**
 * Makes an LSA of our own: encodes the body, computes length and checksum. `bytes` is fresh memory.
 *
 * @throws RangeError when it would not fit in 65,535 bytes (RFC 2328 A.4.1 has 16 bits for the length)
 */
export function buildLsa(header: NewLsaHeader, body: LsaBody): Lsa {
  const w = new Writer(bodyCapacity(body));
  encodeLsaHeader(w, { ...header, length: 0, checksum: 0 });
  encodeBody(w, body);
  return seal(header, body, w);
}

/** As `buildLsa`, for types 9 to 11 whose content the caller has encoded. */
export function buildOpaqueLsa(header: NewLsaHeader, content: Uint8Array): Lsa {
  const w = new Writer(LSA_HEADER_LENGTH + content.length);
  encodeLsaHeader(w, { ...header, length: 0, checksum: 0 });
  w.raw(content);
  return seal(header, { kind: 'opaque' }, w);
}

function seal(header: NewLsaHeader, body: LsaBody, w: Writer): Lsa {
  const length = w.length;
  if (length > MAX_LSA_LENGTH) throw new RangeError(`an LSA of ${length} bytes cannot be encoded`);
  w.patchU16(18, length);
  const bytes = w.view();
  const checksum = fillLsaChecksum(bytes);
  return { header: { ...header, length, checksum }, body, bytes };
}

function bodyCapacity(body: LsaBody): number {
  if (body.kind === 'router') return LSA_HEADER_LENGTH + 4 + 12 * body.links.length;
  if (body.kind === 'network') return LSA_HEADER_LENGTH + 4 + 4 * body.attachedRouters.length;
  return LSA_HEADER_LENGTH + 16;
}

function encodeBody(w: Writer, body: LsaBody): void {
  switch (body.kind) {
    case 'router':
      encodeRouterLsa(w, body);
      break;
    case 'network':
      encodeNetworkLsa(w, body);
      break;
    case 'summary':
      encodeSummaryLsa(w, body);
      break;
    case 'external':
      encodeExternalLsa(w, body);
      break;
    case 'opaque':
      break;
  }
}

/**
 * The same LSA in memory of its own: what a database keeps after the datagram's buffer has gone back. Not by `slice`: that
 * of a Node Buffer, which is a Uint8Array too, gives a view.
 */
export function copyLsa(lsa: Lsa): Lsa {
  return { header: lsa.header, body: lsa.body, bytes: new Uint8Array(lsa.bytes) };
}

/** A copy of the LSA's bytes with another age (seconds, 0 to 3600). The checksum stays right: it leaves the age out. */
export function withAge(lsa: Lsa, age: number): Uint8Array {
  const bytes = new Uint8Array(lsa.bytes);
  bytes[0] = age >>> 8;
  bytes[1] = age;
  return bytes;
}

export { compareInstances, lsaKeyText, sameContents } from './instances.ts';
