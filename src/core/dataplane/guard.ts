/**
 * The guard table: without it a takeover kills connections, because some director that does not know a connection answers
 * or forwards one of its packets as it stands.
 *
 *   input    whatever reaches the local stack with a VIP as destination was not translated: a port without a service, or a
 *            packet that belongs to no connection here. The stack would answer with RST (or an ICMP error), and the client
 *            would believe it. Only an echo request is answered.
 *   forward  a packet of a real server's service port that no connection here translates back would reach the client as a
 *            stranger's, and the client's RST would end the connection at the server. Replies of connections that clients
 *            made to the server's own address through this director pass: they are replies, not originals.
 *
 * Dropped is right in all these cases: the packet is sent again, by then to a director that knows.
 */
import { formatIpv4 } from '../base/ipv4.ts';
import type { DesiredDataplane } from '../model/dataplane.ts';
import { SOURCES_SET, VIPS_SET } from './names.ts';
import { endpointElement, type WantedChain, type WantedTable } from './ruleset.ts';

const SOURCE_KEY = 'ip saddr . meta l4proto . th sport';

/** Counts what the input chain dropped. */
const UNKNOWN_COUNTER = 'vip_unknown';
/** Counts what the forward chain dropped. */
const UNTRANSLATED_COUNTER = 'server_untranslated';

const FORWARD: WantedChain = {
  base: { type: 'filter', hook: 'forward', priority: 10 },
  rules: [
    // A SYN-ACK or RST of an unknown connection has no conntrack entry at all, and `ct direction` would not match.
    `${SOURCE_KEY} @${SOURCES_SET} ct state invalid counter name ${UNTRANSLATED_COUNTER} drop`,
    // `ct status != dnat` would compare the whole mask.
    `${SOURCE_KEY} @${SOURCES_SET} ct direction original ct status & dnat == 0 counter name ${UNTRANSLATED_COUNTER} drop`,
  ],
};

const INPUT: WantedChain = {
  base: { type: 'filter', hook: 'input', priority: 10 },
  rules: [
    `ip daddr @${VIPS_SET} icmp type echo-request accept`,
    `ip daddr @${VIPS_SET} counter name ${UNKNOWN_COUNTER} drop`,
  ],
};

export function guardTable(desired: DesiredDataplane): WantedTable {
  const vips = new Map<string, string>();
  const sources = new Map<string, string>();
  for (const service of desired.services) {
    for (const vip of service.vips) vips.set(formatIpv4(vip), '');
    for (const server of service.servers) {
      for (const port of service.ports) sources.set(endpointElement(server.address, service.protocol, port), '');
    }
  }
  return {
    chains: new Map([
      ['forward', FORWARD],
      ['input', INPUT],
    ]),
    sets: new Map([
      [VIPS_SET, { kind: 'set', declaration: 'typeof ip daddr', elements: vips }],
      [SOURCES_SET, { kind: 'set', declaration: `typeof ${SOURCE_KEY}`, elements: sources }],
    ]),
    counters: new Set([UNKNOWN_COUNTER, UNTRANSLATED_COUNTER]),
  };
}
