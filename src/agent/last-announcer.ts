/** Whether anybody else would still serve a VIP if we withdrew it. */
import { LAST_RESORT } from '../core/announce/policy.ts';
import type { Ipv4 } from '../core/base/ipv4.ts';
import type { PrefixClass } from '../core/model/cluster.ts';
import type { Speaker } from '../drivers/routing/port.ts';
import type { Announcer } from './announcer.ts';

/** VIPs of ours that no other reachable director announces at a normal metric. */
export function lastAnnounced(announcer: Announcer): Ipv4[] {
  const speakers = { vip: heardSpeakers(announcer, 'vip'), local: heardSpeakers(announcer, 'local') };
  return [...announcer.heard().keys()].filter((vip) =>
    speakers[announcer.classOf(vip)].some((speaker) => speaker.otherAnnouncers(vip, LAST_RESORT).length === 0),
  );
}

/** Traffic comes in wherever VIPs are announced; an instance that nobody hears brings none, and hears of nobody. */
function heardSpeakers(announcer: Announcer, one: PrefixClass): readonly Speaker[] {
  const all = announcer.speakers(one);
  const heard = all.filter((speaker) => speaker.neighbors().some(({ state }) => state === 'full'));
  return heard.length > 0 ? heard : all;
}
