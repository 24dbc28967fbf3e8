/**
 * Cells of the interop matrix whose packets are kept as vectors (`cells/NAME.txt`): what the recordings of a plain link and a
 * plain LAN do not have, which is authentication, stub areas and NSSAs, point-to-multipoint, NBMA and a Grace-LSA.
 */
import type { Cell } from '../../../lab/interop/cells.ts';
import { KEY, PASSWORD } from '../../../lab/interop/router-files.ts';
import { Secret } from '../../../src/core/base/secret.ts';
import type { AuthenticationKey } from '../../../src/core/model/keys.ts';
import {
  cryptographicSeal,
  cryptographicVerifier,
  sequenceOf,
} from '../../../src/core/ospf/authentication/cryptographic.ts';
import { simpleSeal, simpleVerifier } from '../../../src/core/ospf/authentication/simple.ts';
import { nullAuthentication, type Seal, type Verifier } from '../../../src/core/ospf/packet/authentication.ts';
import { digester } from '../../../src/io/digester.ts';

export const CELLS: readonly Cell[] = [
  { router: 'frr-8', role: 'drother', auth: 'md5', area: 'normal' },
  { router: 'frr-8', role: 'p2p', auth: 'simple', area: 'stub' },
  { router: 'frr-10', role: 'p2p', auth: 'hmac-sha-256', area: 'nssa' },
  { router: 'frr-10', role: 'p2mp', auth: 'none', area: 'normal' },
  { router: 'bird-2.0', role: 'nbma', auth: 'none', area: 'normal' },
  { router: 'bird-2.17', role: 'bdr', auth: 'hmac-sha-256', area: 'nssa' },
  { router: 'bird-3', role: 'p2p', auth: 'md5', area: 'stub' },
];

/** `frr-8-drother-md5-normal` */
export function nameOfCell({ router, role, auth, area }: Cell): string {
  return `${router}-${role}-${auth}-${area}`;
}

/** The lab's key, which both ends have. */
function keyOf({ auth }: Cell): AuthenticationKey | undefined {
  if (auth === 'none') return undefined;
  const secret = new Secret(new TextEncoder().encode(auth === 'simple' ? PASSWORD : KEY.key));
  return { id: KEY.keyId, algorithm: auth, secret };
}

export function verifierOf(cell: Cell): Verifier {
  const key = keyOf(cell);
  if (key === undefined) return nullAuthentication;
  return key.algorithm === 'simple' ? simpleVerifier([key]) : cryptographicVerifier([key], digester);
}

/** Seals as the sender of this packet did, with its sequence number. */
export function sealOf(cell: Cell, packet: Uint8Array): Seal {
  const key = keyOf(cell);
  if (key === undefined) return nullAuthentication;
  return key.algorithm === 'simple' ? simpleSeal(key) : cryptographicSeal(key, digester, () => sequenceOf(packet)!);
}
