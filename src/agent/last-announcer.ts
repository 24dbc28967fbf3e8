/** Whether anybody else would still serve a VIP if we withdrew it. */
import { LAST_RESORT } from '../core/announce/policy.ts';
import type { Ipv4 } from '../core/base/ipv4.ts';
import type { Announcer } from './announcer.ts';

/** VIPs of ours that no other reachable director announces at a normal metric. */
export function lastAnnounced(announcer: Announcer): Ipv4[] {
  const all = announcer.speakers('vip');
  // Traffic comes in wherever VIPs are announced; an instance that nobody hears brings none, and hears of nobody.
  const heard = all.filter((speaker) => speaker.neighbors().some(({ state }) => state === 'full'));
  const speakers = heard.length > 0 ? heard : all;
  return [...announcer.heard().keys()].filter((vip) =>
    speakers.some((speaker) => speaker.otherAnnouncers(vip, LAST_RESORT).length === 0),
  );
}
