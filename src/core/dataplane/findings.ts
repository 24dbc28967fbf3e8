/** What an examination of a host has found, one line each; who looks is elsewhere (src/agent/doctor.ts). */
import { type ChangedSysctl, type SysctlRule, sysctlName } from './sysctls.ts';

export interface Finding {
  readonly area: 'feature' | 'sysctl' | 'conntrack';
  readonly name: string;
  readonly value: string;
  readonly wanted: string;
  /** `missing`: the data plane cannot do without. `warning`: something is worse than it need be, or not to be had. */
  readonly verdict: 'met' | 'warning' | 'missing';
  readonly why: string;
  /** `null` when there is nothing to do. */
  readonly todo: string | null;
}

/** `earlier`: what agents of this director have changed. `onlyFor`: the data plane that needs it; undefined = each does. */
export function judgeSysctl(
  rule: SysctlRule,
  current: string,
  earlier: readonly ChangedSysctl[],
  onlyFor?: string,
): Finding {
  const name = sysctlName(rule.path);
  const changed = earlier.find(({ path, written }) => sysctlName(path) === name && written === current);
  const was = changed === undefined ? '' : ` (was ${changed.before} before the agent set it)`;
  const met = rule.accepts(current);
  return {
    area: 'sysctl',
    name,
    value: `${current}${was}`,
    wanted: rule.wanted,
    verdict: met ? 'met' : onlyFor === undefined ? 'missing' : 'warning',
    why: onlyFor === undefined ? rule.why : `${onlyFor}: ${rule.why}`,
    todo: met ? null : `an agent sets it when it starts; by hand: sysctl -w ${name}=${rule.value}`,
  };
}

/** `isLoaded`: does the kernel have its settings here? Whether it could load the module is not asked, since that would load it. */
export function judgeIpvs(isLoaded: boolean): Finding {
  return {
    area: 'feature',
    name: 'IPVS (ip_vs)',
    value: isLoaded ? 'loaded' : 'not loaded',
    wanted: 'any; an agent loads it where the kernel has it',
    verdict: 'met',
    why: 'dataplane: ipvs needs it, dataplane: auto prefers it',
    todo: null,
  };
}

/** Costs, and nothing here reads it: packets and bytes are counted by server. */
export function judgeAccounting(current: string): Finding {
  return {
    area: 'sysctl',
    name: 'net.netfilter.nf_conntrack_acct',
    value: current,
    wanted: 'any; 0 costs less',
    verdict: 'met',
    why: 'counters of single connections are not used: packets and bytes are counted by server',
    todo: null,
  };
}

/** Of the version that `nft --version` tells; older ones have not been tried. */
const LEAST_NFT = '1.0.6';

/** `version`: `undefined` when there is no such program. */
export function judgeNft(version: string | undefined): Finding {
  const old = version !== undefined && compareVersions(version, LEAST_NFT) < 0;
  return {
    area: 'feature',
    name: 'nft',
    value: version ?? 'not installed',
    wanted: `at least ${LEAST_NFT}`,
    verdict: version === undefined ? 'missing' : old ? 'warning' : 'met',
    why: 'the tables are written by nft; versions before were never tried',
    todo: version === undefined || old ? 'apt-get install nftables' : null,
  };
}

/** Negative when `a` is the older one. Versions are numbers with dots between; what is not there counts as zero. */
function compareVersions(a: string, b: string): number {
  const [x, y] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let at = 0; at < Math.max(x.length, y.length); at++) {
    const difference = (x[at] ?? 0) - (y[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** `onlyFor`: what cannot be had without the feature; `undefined` when nothing can. `refusal`: why it is not there. */
export function judgeFeature(name: string, onlyFor: string | undefined, refusal: string | undefined): Finding {
  return {
    area: 'feature',
    name,
    value: refusal === undefined ? 'yes' : 'no',
    wanted: 'yes',
    verdict: refusal === undefined ? 'met' : onlyFor === undefined ? 'missing' : 'warning',
    why: onlyFor === undefined ? 'no service can be served without it' : `needed for ${onlyFor}`,
    todo: refusal === undefined ? null : `another kernel or nft (Debian 12 and 13 have it): ${refusal}`,
  };
}

/** `refusal`: what opening it said. */
export function judgeTun(refusal: string | undefined): Finding {
  return {
    area: 'feature',
    name: '/dev/net/tun',
    value: refusal ?? 'yes',
    wanted: 'yes',
    verdict: refusal === undefined ? 'met' : 'warning',
    why: 'with connection sync, packets of connections that another director knows go back into the kernel by a TUN device',
    todo: refusal === undefined ? null : 'modprobe tun; in a container: --device /dev/net/tun',
  };
}

export interface ConntrackTable {
  readonly entries: number;
  readonly max: number;
  readonly buckets: number;
  /** Of the machine, in bytes. */
  readonly memory: number;
}

/** An entry with its extensions: 256 bytes (nf_conntrack in /proc/slabinfo, Linux 6.18) and at most as much again. */
const ENTRY_BYTES = 512;
/** From here on somebody should look; and from here on new connections are about to be refused. */
const FILL = { warning: 0.8, missing: 0.95 } as const;
/** Entries in one list of the hash table. */
const LONGEST_LIST = 4;

const count = 'net.netfilter.nf_conntrack_count';
const max = 'net.netfilter.nf_conntrack_max';
const buckets = 'net.netfilter.nf_conntrack_buckets';

/** The table's fill, its bound beside the memory, and the length of its lists. */
export function judgeConntrack(table: ConntrackTable): readonly Finding[] {
  return [fill(table), bound(table), lists(table)];
}

function fill({ entries, max: bound }: ConntrackTable): Finding {
  const share = bound === 0 ? 1 : entries / bound;
  const verdict = share >= FILL.missing ? 'missing' : share >= FILL.warning ? 'warning' : 'met';
  return {
    area: 'conntrack',
    name: count,
    value: `${entries} (${Math.round(100 * share)} %)`,
    wanted: `below ${Math.floor(FILL.warning * bound)} (80 % of ${max})`,
    verdict,
    why: 'when the table is full, new connections are dropped, and only the kernel log says so',
    todo: verdict === 'met' ? null : `sysctl -w ${max}=${2 * bound}; or shorter timeouts of the services that fill it`,
  };
}

function bound({ max: bound, memory }: ConntrackTable): Finding {
  const most = Math.floor(memory / 2 / ENTRY_BYTES);
  const met = bound <= most;
  return {
    area: 'conntrack',
    name: max,
    value: String(bound),
    wanted: `at most ${most} (half of the memory, at ${ENTRY_BYTES} bytes each)`,
    verdict: met ? 'met' : 'warning',
    why: 'a flood of new connections must not take all memory; every director holds the connections of all of them',
    todo: met ? null : `sysctl -w ${max}=${most}, in the first network namespace`,
  };
}

function lists({ max: bound, buckets: lists }: ConntrackTable): Finding {
  const least = Math.ceil(bound / LONGEST_LIST);
  const met = lists >= least;
  return {
    area: 'conntrack',
    name: buckets,
    value: String(lists),
    wanted: `at least ${least} (a quarter of ${max})`,
    verdict: met ? 'met' : 'warning',
    why: 'every packet looks through one list of the table; long lists cost time',
    todo: met ? null : `echo ${bound} > /sys/module/nf_conntrack/parameters/hashsize`,
  };
}
