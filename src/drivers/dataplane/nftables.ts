/**
 * The nftables data plane, NAT mode, for TCP and UDP: the kernel's own forwarding, programmed through the `nft` program
 * and read by netlink.
 *
 * `open` probes the kernel and settles sysctls; `apply` is a turn of `Converger` over the real tables. Nothing here runs per
 * packet, and nothing is undone at `close`: the kernel goes on forwarding while no agent is there. Routes to the VIPs belong
 * to the routes driver. Deliberately not here: deciding (src/core/dataplane).
 */
import { type SysctlRule, sysctlName, sysctlRules } from '../../core/dataplane/sysctls.ts';
import type { DataplaneCounters, DesiredDataplane } from '../../core/model/dataplane.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { nftRefuses } from '../../io/nft.ts';
import { listSysctls, readSysctl, writeSysctl } from '../../io/sysctl.ts';
import { Converger } from './converge.ts';
import { KernelTables } from './kernel-tables.ts';
import type { ApplyReport, Dataplane } from './port.ts';
import { inSlices } from './slices.ts';

/** Each feature with the least ruleset that needs it; only checked, never loaded. */
const FEATURES: readonly (readonly [feature: string, ruleset: string])[] = [
  ['tables', ''],
  ['chains of type nat', 'chain c { type nat hook prerouting priority -100; }'],
  ['chains of type filter', 'chain c { type filter hook forward priority 0; }'],
  ['conntrack expressions', 'chain c {\n ct status dnat ct direction original ct state invalid\n}'],
  ['jhash', 'chain c {\n meta mark set jhash ip saddr . th sport mod 4099 seed 1\n}'],
  ['setting the connection mark', 'chain c {\n ct mark set 1\n}'],
  ['maps', 'map m { typeof numgen inc mod 4099 : ct mark; }'],
  ['verdict maps', 'map m { typeof ip daddr . meta l4proto . th dport : verdict; }'],
  ['counters of elements', 'set s { typeof ct mark; counter; }'],
  [
    'dnat by map',
    'map m { typeof ct mark : ip daddr; counter; }\nchain c { type nat hook prerouting priority -100;\n dnat to ct mark map @m\n}',
  ],
];

function probe(name: string, ruleset: string): string {
  return `table ip ${name} {\n${ruleset}\n}\n`;
}

/**
 * All at once, since each call of nft costs the start of a process; one by one only to find what is missing.
 *
 * @throws KernelError naming the first feature that nft or the kernel lacks, or the missing program or permission
 */
async function probeFeatures(): Promise<void> {
  const all = FEATURES.map(([, ruleset], at) => probe(`sluice_probe_${at}`, ruleset)).join('');
  if ((await nftRefuses(all)) === undefined) return;
  for (const [feature, ruleset] of FEATURES) {
    const refused = await nftRefuses(probe('sluice_probe', ruleset));
    if (refused === undefined) continue;
    if (refused.errno === 'EPERM') throw refused;
    const text = `this kernel or nft lacks what the nftables data plane needs: ${feature}\n${refused.message}`;
    throw new KernelError('dataplane-probe', { feature, text }, { cause: refused });
  }
}

const INTERFACES = ['net', 'ipv4', 'conf'] as const;

/** The present value; `undefined` for an interface that vanished after it was listed: all else exists where the probe did. */
async function currentValue({ path }: SysctlRule): Promise<string | undefined> {
  try {
    return await readSysctl(path);
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT' && path[2] === 'conf') return undefined;
    throw error;
  }
}

/** Brings the settings to what is needed; one printable line per change. */
async function settleSysctls(): Promise<string[]> {
  const rules = sysctlRules(await listSysctls(INTERFACES));
  // Read at once: one after the other they take longer than all the rest of a turn in which nothing has changed.
  const values = await Promise.all(rules.map(currentValue));
  const changes: string[] = [];
  for (const [i, rule] of rules.entries()) {
    const current = values[i];
    if (current === undefined || rule.accepts(current)) continue;
    await writeSysctl(rule.path, rule.value);
    changes.push(`sysctl ${sysctlName(rule.path)}: ${current} -> ${rule.value} (${rule.why})`);
  }
  return changes;
}

export class NftablesDataplane implements Dataplane {
  readonly name = 'nftables';
  readonly #tables = new KernelTables();
  readonly #converger = new Converger(this.#tables, inSlices);
  /** Changes made by `open`, told with the first `apply`. */
  #untold: string[] = [];
  #opening: Promise<void> | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** The first call does the work, further ones wait for it: it may be asked for before anyone can wait. */
  open(): Promise<void> {
    this.#opening ??= this.#settle();
    return this.#opening;
  }

  async #settle(): Promise<void> {
    await probeFeatures();
    this.#untold = await settleSysctls();
  }

  isPresent(): Promise<boolean> {
    return this.#tables.isPresent();
  }

  apply(desired: DesiredDataplane): Promise<ApplyReport> {
    return this.#inTurn(async () => {
      const changed = await settleSysctls();
      const report = await this.#converger.apply(desired);
      const settings = [...this.#untold, ...changed];
      this.#untold = [];
      return { ...report, operations: [...settings, ...report.operations] };
    });
  }

  counters(): Promise<DataplaneCounters> {
    return this.#inTurn(() => this.#converger.counters());
  }

  remove(): Promise<void> {
    return this.#inTurn(() => this.#converger.remove());
  }

  /** Waits for what is under way; touches nothing. */
  async close(): Promise<void> {
    await this.#queue;
    this.#tables.close();
  }

  /** One request at a time: two turns at once would each plan against what the other is changing. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }
}
