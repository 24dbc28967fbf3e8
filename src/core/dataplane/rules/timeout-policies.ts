/**
 * Timeouts of connections: a ct timeout object says how long an entry lives in each state, and the first packet of a
 * connection takes it. Nat prerouting is early enough: the entry is not confirmed before the packet leaves the host.
 *
 * An object is named after what it says. So services that say the same share one, another policy is another object that comes
 * with the rule that names it, and nothing is ever changed in place, which the kernel refuses. With an object go its
 * connections to the kernel's own timeouts, from their next packet on. Entries that another director brought never had one.
 */
import { jhashText } from '../../hash/jhash.ts';
import type { DesiredService } from '../../model/dataplane.ts';
import { TIMEOUT_STATES, type TimeoutState } from '../../model/timeouts.ts';
import { TIMEOUTS_PREFIX } from '../names.ts';
import type { TimeoutPolicy } from '../ruleset.ts';
import type { Part } from './parts.ts';

const NAME_SEED = 0x51c1ce20;
const PROTOCOLS = ['tcp', 'udp'] as const;

/** As nft reads it. */
export function policyText({ seconds }: TimeoutPolicy): string {
  return [...seconds].map(([state, time]) => `${state} : ${time}`).join(', ');
}

function policyName(policy: TimeoutPolicy): string {
  const hash = jhashText(policyText(policy), NAME_SEED).toString(16).padStart(8, '0');
  return `${TIMEOUTS_PREFIX}${policy.protocol}_${hash}`;
}

/** One for each protocol that the service has timeouts of; a service known by its mark may have both. */
function policiesOf({ timeouts = {} }: DesiredService): readonly TimeoutPolicy[] {
  return PROTOCOLS.flatMap((protocol) => {
    const states: readonly TimeoutState[] = TIMEOUT_STATES[protocol];
    const seconds = states.flatMap((state): [TimeoutState, number][] => {
      const time = timeouts[state];
      return time === undefined ? [] : [[state, time]];
    });
    return seconds.length === 0 ? [] : [{ protocol, seconds: new Map(seconds) }];
  });
}

/** What the first packet of a connection takes; an object of the other protocol passes it by. */
export function timeoutRules(service: DesiredService): readonly string[] {
  return policiesOf(service).map((policy) => `ct timeout set "${policyName(policy)}"`);
}

export function timeoutsPart(services: readonly DesiredService[]): Part {
  const policies = services.flatMap(policiesOf);
  return { timeouts: new Map(policies.map((policy) => [policyName(policy), policy])) };
}

/** Does an object of the kernel say what is wanted? It has a time for every state, the wanted has some. */
export function holdsPolicy(found: TimeoutPolicy, wanted: TimeoutPolicy): boolean {
  return (
    found.protocol === wanted.protocol &&
    [...wanted.seconds].every(([state, time]) => found.seconds.get(state) === time)
  );
}
