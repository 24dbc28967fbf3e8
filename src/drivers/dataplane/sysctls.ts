/**
 * The settings that the data plane needs: brought right, kept right, and given back.
 *
 * What was right before we came is never touched, and not ours to give back. What is changed is remembered before it is
 * written, for this agent and those after it, together with what was there; `restore` puts that back wherever our value still
 * stands, and leaves what somebody else has set since.
 */
import {
  type ChangedSysctl,
  ESTABLISHED_TIMEOUT,
  type SysctlRule,
  sysctlName,
  sysctlRules,
  withChange,
} from '../../core/dataplane/sysctls.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { listSysctls, readSysctl, writeSysctl } from '../../io/sysctl.ts';

/** Keeps what was changed beyond the end of the process. */
export interface SysctlMemory {
  read(): Promise<readonly ChangedSysctl[]>;
  write(changes: readonly ChangedSysctl[]): Promise<void>;
}

/** As long as the process lives. */
export const FORGETFUL: SysctlMemory = { read: async () => [], write: async () => {} };

const INTERFACES = ['net', 'ipv4', 'conf'] as const;

export interface SysctlState {
  readonly rule: SysctlRule;
  readonly current: string;
}

/** Every setting that there is a rule for, as it is now, those of `further` among them. @throws KernelError `sysctl-read` */
export async function readSysctls(further: readonly SysctlRule[] = []): Promise<readonly SysctlState[]> {
  const common = sysctlRules(await listSysctls(INTERFACES), await readSysctl(ESTABLISHED_TIMEOUT));
  const rules = [...common, ...further];
  const values = await Promise.all(rules.map(({ path }) => currentValue(path)));
  return rules.flatMap((rule, i) => {
    const current = values[i];
    return current === undefined ? [] : [{ rule, current }];
  });
}

/** The present value; `undefined` for an interface that vanished after it was listed: all else exists where the probe did. */
async function currentValue(path: readonly string[]): Promise<string | undefined> {
  try {
    return await readSysctl(path);
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT' && path[2] === 'conf') return undefined;
    throw error;
  }
}

export class Sysctls {
  readonly #memory: SysctlMemory;
  readonly #further: readonly SysctlRule[];
  #changes: readonly ChangedSysctl[] | undefined;

  constructor(memory: SysctlMemory, further: readonly SysctlRule[] = []) {
    this.#memory = memory;
    this.#further = further;
  }

  /** Brings the settings to what is needed; one printable line per change. @throws KernelError */
  async settle(): Promise<string[]> {
    const told: string[] = [];
    for (const { rule, current } of await readSysctls(this.#further)) {
      if (rule.accepts(current)) continue;
      await this.#remember({ path: rule.path, before: current, written: rule.value });
      await writeSysctl(rule.path, rule.value);
      told.push(`sysctl ${sysctlName(rule.path)}: ${current} -> ${rule.value} (${rule.why})`);
    }
    return told;
  }

  /** Puts back what was there before, last change first; one printable line each. @throws KernelError */
  async restore(): Promise<string[]> {
    const told: string[] = [];
    for (const { path, before, written } of [...(await this.#known())].reverse()) {
      if ((await currentValue(path)) !== written) continue;
      await writeSysctl(path, before);
      told.push(`sysctl ${sysctlName(path)}: ${written} -> ${before}`);
    }
    this.#changes = [];
    await this.#memory.write([]);
    return told;
  }

  async #known(): Promise<readonly ChangedSysctl[]> {
    this.#changes ??= await this.#memory.read();
    return this.#changes;
  }

  async #remember(change: ChangedSysctl): Promise<void> {
    this.#changes = withChange(await this.#known(), change);
    await this.#memory.write(this.#changes);
  }
}
