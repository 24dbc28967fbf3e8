/**
 * What an OSPFv2 packet is once decoded. One file beside this one per message holds its layout and its encode/decode pair;
 * `codec.ts` joins them behind the common header (RFC 2328 A.3.1).
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Lsa, LsaHeader, LsaKey } from '../lsa/lsa.ts';

/** RFC 2328 A.3.1, without the fields that the codec computes (version, type, length, checksum). */
export interface PacketHeader {
  readonly routerId: Ipv4;
  readonly areaId: Ipv4;
}

/** RFC 2328 A.3.2. Times in seconds. */
export interface Hello {
  readonly kind: 'hello';
  readonly networkMask: Ipv4;
  readonly helloInterval: number;
  readonly options: number;
  readonly priority: number;
  readonly deadInterval: number;
  /** Interface addresses, not router ids (OSPFv2). */
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
  /** Router ids heard. */
  readonly neighbors: readonly Ipv4[];
}

/** RFC 2328 A.3.3. `sequence` is unsigned. */
export interface DbDescription {
  readonly kind: 'dbDescription';
  readonly interfaceMtu: number;
  readonly options: number;
  /** `DdFlag` bits. */
  readonly flags: number;
  readonly sequence: number;
  readonly headers: readonly LsaHeader[];
}

/** RFC 2328 A.3.4. */
export interface LsRequest {
  readonly kind: 'lsRequest';
  readonly requests: readonly LsaKey[];
}

/** RFC 2328 A.3.5. LSAs that do not decode are left out and counted in `skipped`; the rest of the update is kept. */
export interface LsUpdate {
  readonly kind: 'lsUpdate';
  readonly lsas: readonly Lsa[];
  readonly skipped: readonly { readonly key: LsaKey | undefined; readonly reason: string }[];
}

/** RFC 2328 A.3.6. */
export interface LsAck {
  readonly kind: 'lsAck';
  readonly headers: readonly LsaHeader[];
}

export type PacketBody = Hello | DbDescription | LsRequest | LsUpdate | LsAck;

export interface Packet {
  readonly header: PacketHeader;
  readonly body: PacketBody;
}
