/**
 * Simple password authentication (RFC 2328 D.4.2): eight bytes in the clear, which keep a wrong neighbor out and no
 * attacker. The checksum does not cover them.
 */
import { DecodeError } from '../../base/decode-error.ts';
import { sameBytes } from '../../base/secret.ts';
import type { AuthenticationKey } from '../../model/keys.ts';
import {
  AUTHENTICATION_AT,
  AUTHENTICATION_TYPE_AT,
  AuthenticationType,
  fillChecksum,
  requireType,
  type Seal,
  type Verifier,
  verifyChecksum,
} from '../packet/authentication.ts';

/** A password on the wire, padded with zeros. */
const PASSWORD_LENGTH = 8;

export function simpleSeal(key: AuthenticationKey): Seal {
  const password = padded(key);
  return {
    trailerLength: 0,
    seal(bytes, length) {
      bytes[AUTHENTICATION_TYPE_AT + 1] = AuthenticationType.simple;
      fillChecksum(bytes, length);
      bytes.set(password, AUTHENTICATION_AT);
    },
  };
}

export function simpleVerifier(keys: readonly AuthenticationKey[]): Verifier {
  const passwords = keys.map(padded);
  return {
    verify(bytes, length) {
      requireType(bytes, AuthenticationType.simple);
      verifyChecksum(bytes, length);
      const given = bytes.subarray(AUTHENTICATION_AT, AUTHENTICATION_AT + PASSWORD_LENGTH);
      if (passwords.some((password) => sameBytes(password, given))) return;
      throw new DecodeError('authPassword', AUTHENTICATION_AT, 'not our password');
    },
  };
}

function padded({ secret }: AuthenticationKey): Uint8Array {
  const bytes = new Uint8Array(PASSWORD_LENGTH);
  bytes.set(secret.reveal().subarray(0, PASSWORD_LENGTH));
  return bytes;
}
