/** What a real server needs with `forward: fullnat`: a way to every local address, from which its connections come. */
import { formatIpv4, type Ipv4, prefixContains } from '../base/ipv4.ts';
import type { HostFacts, HostRoute } from './facts.ts';
import type { Need } from './need.ts';

/** Which way is right is the network's business; that there is one is ours to see. */
export function localRouteNeeds(local: ReadonlyMap<Ipv4, string>): readonly Need[] {
  return [...local].map(([address, owner]) => {
    const shown = formatIpv4(address);
    return {
      what: `a route to ${shown}, local address of ${owner}`,
      find: (facts: HostFacts) => {
        if (facts.addresses.some((own) => own.address === address)) {
          const consequence = `answers to connections that ${owner} sends from there stay on this host: they time out`;
          return { found: `${shown} is an address of this host`, consequence };
        }
        if (routeTo(facts, address) !== undefined) return undefined;
        return {
          found: 'none',
          consequence: `answers to connections that ${owner} sends from there go nowhere: they time out`,
        };
      },
      mend: () => [],
      advice: 'a default route by the network that hears the directors’ announcements will do',
    };
  });
}

function routeTo({ routes }: HostFacts, address: Ipv4): HostRoute | undefined {
  const ways = routes.filter(({ table, prefix }) => table === 'main' && prefixContains(prefix, address));
  const [best] = ways.sort((a, b) => b.prefix.length - a.prefix.length || a.metric - b.metric);
  return best?.leads ? best : undefined;
}
