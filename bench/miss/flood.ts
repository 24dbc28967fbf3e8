/** Packets in mid-life of connections that nobody knows, 100,000 a second, from the client's link to one director. */
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { VIP } from '../../test/contract/dataplane/suite.ts';
import { ackFrame, type Flow, type Macs, replay } from '../nftables/replay.ts';

const RATE = 100_000;
const FRAMES = 50_000;
/** Nobody of them is the client. */
const STRANGERS = ipv4('10.9.0.0');

/** Drops the flood before anything else looks at it: what sending and receiving it costs on this machine is not ours. */
export const DROPPED_UNSEEN = `table ip early {
  chain c { type filter hook prerouting priority -400; policy accept;
    ip saddr 10.9.0.0/16 drop
  }
}
`;

export interface Flood {
  readonly sources: 'one' | 'random';
  /** From the client to the director. */
  readonly macs: Macs;
  readonly seconds: number;
}

/** Resolves when it is over. */
export async function sendFlood(netns: string, { sources, macs, seconds }: Flood): Promise<void> {
  const random = new Prng(7);
  const frames = Array.from({ length: FRAMES }, (_, i) => {
    const source = STRANGERS + 1 + (sources === 'one' ? 0 : random.u32() % 65_000);
    const flow: Flow = { source, sport: 1024 + (i % 60_000), destination: ipv4(VIP), port: 80 };
    return ackFrame(flow, macs);
  });
  await replay(netns, 'front', frames, { rate: RATE, times: Math.round((RATE * seconds) / FRAMES) });
}
