/**
 * What of nft and the kernel the data plane is built on, each with the least ruleset that needs it: checked by `nft -c`, which
 * has the kernel judge it and throw it away, never loaded.
 */
import { type Finding, judgeFeature } from '../../core/dataplane/findings.ts';
import { LAST_OF_OFFSET_PROBE, OFFSET_PROBE } from '../../core/dataplane/nft/offset-probe.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { nftRefuses } from '../../io/nft.ts';
import { NftablesNetlink } from '../../io/nftables-netlink.ts';

interface Feature {
  readonly name: string;
  readonly family: 'ip' | 'netdev';
  readonly ruleset: string;
  /** What cannot be had without it; `undefined` when nothing can. */
  readonly onlyFor: string | undefined;
}

function needed(name: string, ruleset: string): Feature {
  return { name, family: 'ip', ruleset, onlyFor: undefined };
}

const NEEDED: readonly Feature[] = [
  needed('tables', ''),
  needed('chains of type nat', 'chain c { type nat hook prerouting priority -100; }'),
  needed('chains of type filter', 'chain c { type filter hook forward priority 0; }'),
  needed('conntrack expressions', 'chain c {\n ct status dnat ct direction original ct state invalid\n}'),
  needed('jhash', 'chain c {\n meta mark set jhash ip saddr . th sport mod 4099 seed 1\n}'),
  needed('setting the connection mark', 'chain c {\n ct mark set 1\n}'),
  needed('setting the events of a connection', 'chain c {\n ct event set 0x14\n}'),
  needed('maps', 'map m { typeof numgen inc mod 4099 : ct mark; }'),
  needed('verdict maps', 'map m { typeof ip daddr . meta l4proto . th dport : verdict; }'),
  needed('counters of elements', 'set s { typeof ct mark; counter; }'),
  needed(
    'sets that packets fill, with limits',
    'set s { typeof ip saddr; size 9; flags dynamic,timeout; timeout 1s; }\nchain c {\n update @s { ip saddr limit rate over 9/second }\n}',
  ),
  needed('limits', 'chain c {\n limit rate 9/second burst 9 packets\n}'),
  needed('packets to a log group', 'chain c {\n log group 7217 queue-threshold 1\n}'),
  needed(
    'dnat by map',
    'map m { typeof ct mark : ip daddr; counter; }\nchain c { type nat hook prerouting priority -100;\n dnat to ct mark map @m\n}',
  ),
];

function direct(name: string, ruleset: string): Feature {
  return { name, family: 'netdev', ruleset, onlyFor: 'direct routing' };
}

const NEEDED_FOR_DIRECT_ROUTING: readonly Feature[] = [
  direct('tables of family netdev', ''),
  direct('chains at the ingress of an interface', 'chain c { type filter hook ingress device "lo" priority 0; }'),
  direct(
    'forwarding by map',
    'map m { typeof ct mark : ip daddr; counter; }\nmap l { typeof meta mark : iif; }\n' +
      'chain c {\n fwd ip to meta mark map @m device meta mark map @l\n}',
  ),
  direct('maps of raw payload', 'map m { typeof @th,160,32 . @th,136,8 . @th,224,16 : verdict; }'),
  direct(
    'maps that packets write to',
    'map m { typeof ip saddr . th sport : meta mark; size 99; flags dynamic,timeout; timeout 9s; }\n' +
      'chain c {\n delete @m { ip saddr . th sport : meta mark }\n}',
  ),
];

function handOver(name: string, ruleset: string): Feature {
  return { name, family: 'ip', ruleset, onlyFor: 'handing over answers to shared addresses' };
}

const RANGES = 'map m { typeof ip daddr . th dport : ip daddr; flags interval; }';

const NEEDED_FOR_HAND_OVER: readonly Feature[] = [
  handOver('maps of ranges', RANGES),
  handOver('maps of ranges of raw payload', 'map m { typeof ip daddr . @th,224,16 : ip daddr; flags interval; }'),
  handOver(
    'passing on by dup',
    `${RANGES}\nchain c { type filter hook prerouting priority -150;\n dup to ip daddr . th dport map @m device "lo"\n}`,
  ),
  handOver('packets left untracked', 'chain c { type filter hook prerouting priority -300;\n notrack\n}'),
];

/** Of which only what asks for it in the cluster file is refused. */
const NEEDED_BY_SOME: readonly Feature[] = [
  ...NEEDED_FOR_DIRECT_ROUTING,
  {
    name: 'timeouts of single connections',
    family: 'ip',
    ruleset: 'ct timeout t { protocol tcp; l3proto ip; policy = { established : 90 }; }',
    onlyFor: 'timeouts of services',
  },
  {
    name: 'entries that packets replace',
    family: 'ip',
    ruleset:
      'map m { typeof ip saddr : ct mark; size 99; flags dynamic,timeout; }\nset s { typeof ct mark; }\nchain c {\n' +
      ' ct mark and 0xffff != @s delete @m { ip saddr : ct mark } ct mark set 0\n' +
      ' update @m { ip saddr timeout 9s : ct mark and 0xffff }\n}',
    onlyFor: 'persistence',
  },
  ...NEEDED_FOR_HAND_OVER,
  portBlocks('source NAT to port blocks', 'meta l4proto tcp', 'th sport', 'FullNAT and SNAT pools'),
  portBlocks('source NAT of echo requests', 'icmp type echo-request', 'icmp id', 'SNAT pools'),
];

function portBlocks(name: string, match: string, port: string, onlyFor: string): Feature {
  const rule = `${match} snat ip to jhash ip saddr . ${port} mod 1009 seed 1 map @m`;
  const chain = `chain c { type nat hook postrouting priority 100;\n ${rule}\n}`;
  const ruleset = `map m { typeof numgen inc mod 1009 : interval ip saddr . th sport; }\n${chain}`;
  return { name, family: 'ip', ruleset, onlyFor };
}

function probe(feature: Feature, table: string): string {
  return `table ${feature.family} ${table} {\n${feature.ruleset}\n}\n`;
}

/**
 * All at once, since each call of nft costs the start of a process; one by one only to find what is missing.
 *
 * @throws KernelError naming the first feature that nft or the kernel lacks, or the missing program or permission
 */
export function probeFeatures(): Promise<void> {
  return probeAll(NEEDED);
}

/** The same of what only services with `forward: dr` need. */
export function probeDirectRouting(): Promise<void> {
  return probeAll(NEEDED_FOR_DIRECT_ROUTING);
}

/** The same of what only shared addresses need. */
export function probeHandOver(): Promise<void> {
  return probeAll(NEEDED_FOR_HAND_OVER);
}

async function probeAll(features: readonly Feature[]): Promise<void> {
  const all = features.map((feature, at) => probe(feature, `sluice_probe_${at}`)).join('');
  if ((await nftRefuses(all)) === undefined) return;
  for (const feature of features) {
    const refused = await nftRefuses(probe(feature, 'sluice_probe'));
    if (refused === undefined) continue;
    if (refused.errno === 'EPERM') throw refused;
    const needy = feature.onlyFor ?? 'the nftables data plane';
    const text = `this kernel or nft lacks what ${needy} needs: ${feature.name}\n${refused.message}`;
    throw new KernelError('dataplane-probe', { feature: feature.name, text }, { cause: refused });
  }
}

/** Every feature on its own: is it there, and what for. @throws KernelError without nft, or without permission */
export async function examineFeatures(): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const feature of [...NEEDED, ...NEEDED_BY_SOME]) {
    const refused = await nftRefuses(probe(feature, 'sluice_probe'));
    if (refused?.errno === 'EPERM') throw refused;
    findings.push(judgeFeature(feature.name, feature.onlyFor, refused?.message));
  }
  return [...findings, await examinePortOffset()];
}

async function examinePortOffset(): Promise<Finding> {
  const netlink = new NftablesNetlink();
  const judged = (refusal: string | undefined) =>
    judgeFeature('source ports by offset', 'FullNAT ports that other directors can compute', refusal);
  try {
    await netlink.send('nft-port-offset', OFFSET_PROBE);
    throw new KernelError('nft-port-offset', { text: 'the probe was taken as a whole' });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return judged(error.values['message'] === LAST_OF_OFFSET_PROBE ? undefined : error.message);
  } finally {
    netlink.close();
  }
}
