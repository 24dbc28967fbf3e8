/**
 * What of the host every data plane rests on, around its turns: features of nft and the kernel, each probed once, what only some
 * wishes need not before one of them is there; and sysctls, which are settled before every turn. What was changed is told with
 * the turn that follows.
 */
import type { SysctlRule } from '../../core/dataplane/sysctls.ts';
import type { DesiredDataplane } from '../../core/model/dataplane.ts';
import { probeFeatures, probeHandOver } from './features.ts';
import type { ApplyReport } from './port.ts';
import { type SysctlMemory, Sysctls } from './sysctls.ts';

/** A feature that a host may lack, as long as nothing is wished for that needs it. */
export interface OptionalFeature {
  isNeeded(desired: DesiredDataplane): boolean;
  /** @throws KernelError `dataplane-probe` */
  probe(): Promise<void>;
}

const HAND_OVER: OptionalFeature = { isNeeded: ({ handOver }) => handOver !== undefined, probe: probeHandOver };

export interface HostNeeds {
  /** Before anything else, since there may be no settings without it. @throws KernelError `dataplane-probe` */
  readonly first?: () => Promise<void>;
  readonly sysctls?: readonly SysctlRule[];
  readonly optional?: readonly OptionalFeature[];
}

export class HostSettings {
  readonly #first: () => Promise<void>;
  readonly #sysctls: Sysctls;
  readonly #unprobed: Set<OptionalFeature>;
  /** Changes made by `open`, told with the first turn. */
  #untold: string[] = [];
  #opening: Promise<void> | undefined;

  constructor(memory: SysctlMemory, { first = async () => {}, sysctls = [], optional = [] }: HostNeeds = {}) {
    this.#first = first;
    this.#sysctls = new Sysctls(memory, sysctls);
    this.#unprobed = new Set([...optional, HAND_OVER]);
  }

  /**
   * The first call does the work, further ones wait for it: it may be asked for before anyone can wait.
   *
   * @throws KernelError `dataplane-probe`, or of a setting
   */
  open(): Promise<void> {
    this.#opening ??= this.#settle();
    return this.#opening;
  }

  async #settle(): Promise<void> {
    await this.#first();
    await probeFeatures();
    this.#untold = await this.#sysctls.settle();
  }

  /** A turn on settings that are right; its report says which were not. @throws KernelError */
  async around(desired: DesiredDataplane, turn: () => Promise<ApplyReport>): Promise<ApplyReport> {
    const changed = await this.#sysctls.settle();
    for (const feature of this.#unprobed) {
      if (!feature.isNeeded(desired)) continue;
      await feature.probe();
      this.#unprobed.delete(feature);
    }
    const report = await turn();
    const settings = [...this.#untold, ...changed];
    this.#untold = [];
    return { ...report, operations: [...settings, ...report.operations] };
  }

  /** Puts back what was there before; one printable line each. @throws KernelError */
  restore(): Promise<readonly string[]> {
    return this.#sysctls.restore();
  }
}
