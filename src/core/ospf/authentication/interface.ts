/**
 * Authentication on one interface: what its settings and the keys in force make of packets out and in.
 *
 * Migration (`migrate`): a link goes from no authentication to some without losing an adjacency. Both kinds of packets are
 * accepted; what we say is said with authentication, and once more without as long as somebody on the link has been
 * heard without, or nobody has been heard at all. A router that insists on one kind drops the other.
 */
import type { AuthenticationKey, KeysInForce } from '../../model/keys.ts';
import type { InterfaceAuthentication } from '../events.ts';
import {
  AuthenticationType,
  authenticationType,
  nullAuthentication,
  type Seal,
  type Verifier,
} from '../packet/authentication.ts';
import { cryptographicSeal, cryptographicVerifier } from './cryptographic.ts';
import type { Digester } from './digester.ts';
import { simpleSeal, simpleVerifier } from './simple.ts';

export interface Authenticator extends Verifier {
  /** Undefined = there is no key to send with, so nothing is sent. */
  readonly seal: Seal | undefined;
  /** Whether packets without authentication are accepted and, where somebody needs them, sent. */
  readonly migrating: boolean;
}

export const noAuthentication: Authenticator = {
  seal: nullAuthentication,
  migrating: false,
  verify: nullAuthentication.verify,
};

export interface AuthenticatorParts {
  readonly settings: InterfaceAuthentication | undefined;
  readonly keys: KeysInForce | undefined;
  readonly digester: Digester | undefined;
  nextSequence(): number;
}

/**
 * Without keys nothing is sent, and nothing accepted.
 *
 * @throws RangeError when hash functions are needed and there are none: a fault of whoever made the instance
 */
export function newAuthenticator({ settings, keys, digester, nextSequence }: AuthenticatorParts): Authenticator {
  if (settings === undefined) return noAuthentication;
  const { algorithm, migrate: migrating } = settings;
  // Settings and keys come one after the other. A key meant for a digest must never be sent as a password.
  const fits = (key: AuthenticationKey) => (key.algorithm === 'simple') === (algorithm === 'simple');
  const send = keys?.send !== undefined && fits(keys.send) ? keys.send : undefined;
  const accept = (keys?.accept ?? []).filter(fits);
  if (algorithm === 'simple') {
    const seal = send === undefined ? undefined : simpleSeal(send);
    return { seal, migrating, verify: verification(simpleVerifier(accept), migrating) };
  }
  if (digester === undefined) throw new RangeError(`${algorithm} needs a digester`);
  const seal = send === undefined ? undefined : cryptographicSeal(send, digester, nextSequence);
  return { seal, migrating, verify: verification(cryptographicVerifier(accept, digester), migrating) };
}

function verification(verifier: Verifier, migrating: boolean): Verifier['verify'] {
  if (!migrating) return verifier.verify;
  return (bytes, length) => {
    const plain = authenticationType(bytes) === AuthenticationType.null;
    (plain ? nullAuthentication : verifier).verify(bytes, length);
  };
}

/** What is asked here of a neighbor. */
interface Heard {
  /** Whether its last packet was authenticated. */
  readonly authenticated: boolean;
}

/** Whether somebody on the link needs what we say without authentication. */
export function needsPlain(authenticator: Authenticator, neighbors: ReadonlyMap<number, Heard>): boolean {
  if (!authenticator.migrating) return false;
  if (neighbors.size === 0) return true;
  for (const { authenticated } of neighbors.values()) if (!authenticated) return true;
  return false;
}
