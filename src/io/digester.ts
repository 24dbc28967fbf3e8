/** The hash functions of packet authentication, by OpenSSL. */
import { createHash, createHmac } from 'node:crypto';

/** As `Digester` in core/ospf wants it; the names are OpenSSL's too. */
export const digester = {
  hash: (name: string, first: Uint8Array, second: Uint8Array): Uint8Array =>
    createHash(name).update(first).update(second).digest(),
  hmac: (name: string, key: Uint8Array, first: Uint8Array, second: Uint8Array): Uint8Array =>
    createHmac(name, key).update(first).update(second).digest(),
};
