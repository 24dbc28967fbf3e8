/**
 * TLS 1.3 with external pre-shared keys (RFC 8446 section 2.2), as both ends of a mesh stream use it. No certificates.
 *
 * An identity is `KEYID/NAME`: the ring's id of the key and the name of the director that dials. The key of a handshake is
 * derived from the ring's key and the names of both ends. So a director that is reached by mistake, or by somebody who leads the
 * packets elsewhere (also back to the dialer: RFC 9257 section 4.1), has another key, and nothing is established.
 */
import { constants, hkdfSync } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { SyncKey } from '../../core/model/sync-keys.ts';

/**
 * SHA-256 suites only, for that is the hash that OpenSSL binds an external key to. ChaCha20-Poly1305 first, because a stream
 * lives for months and Node cannot renew its keys: AES-GCM has a limit of 2^24.5 records (RFC 8446 section 5.5), ChaCha20 has
 * none that could be reached. Without tickets, so that nothing but a key of the ring opens a stream.
 */
export const TLS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;

/** Milliseconds from the first packet to the end of the handshake, which takes about 5 where nobody is busy. */
export const HANDSHAKE_TIMEOUT = 3000;

/** An idle stream is asked after so many milliseconds whether the other end is there; who is silent is judged elsewhere. */
export const KEEP_ALIVE = 5000;

/** What a handshake claims, before it is proved. */
export interface Identity {
  readonly keyId: string;
  readonly name: string;
}

export function identityText({ keyId, name }: Identity): string {
  return `${keyId}/${name}`;
}

/** Undefined for anything that no director says. */
export function parseIdentity(text: string): Identity | undefined {
  const match = /^([A-Za-z0-9_-]{1,16})\/([A-Za-z0-9.-]{1,63})$/.exec(text);
  return match === null ? undefined : { keyId: match[1]!, name: match[2]! };
}

/** 32 bytes. Both ends have the names from their cluster files. */
export function handshakeKey({ secret }: SyncKey, dialer: string, listener: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret.reveal(), '', `sluice sync 1\0${dialer}\0${listener}`, 32));
}

/**
 * Whether the handshake rests on a pre-shared key and not on a certificate. To OpenSSL such a handshake is a session that is
 * taken up again; tickets, the other way to one, are neither given nor kept.
 */
export function isByKey(socket: TLSSocket): boolean {
  return socket.isSessionReused() && socket.getPeerX509Certificate() === undefined;
}
