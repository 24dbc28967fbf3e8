/** The demo's command line. */
import { parseArgs } from 'node:util';
import type { FrrRelease, SpeakerOptions } from '../runtimes/lab.ts';

export interface DemoOptions {
  /** Result file (JSON). */
  readonly json: string | undefined;
  /** Who announces on the directors, and the releases of FRR. */
  readonly who: SpeakerOptions;
  /** Lines instead of a live view. */
  readonly plain: boolean;
  /** Leave the lab up at the end. */
  readonly keep: boolean;
  /** Folder for captures, events and logs. */
  readonly artifacts: string | undefined;
}

export const USAGE = `usage: npm run demo -- [--plain] [--json FILE] [--artifacts DIR] [--keep] [--speaker ospf|frr] [--frr R] [--router R]
  --plain          one line at a time instead of the live view (so it is where there is no terminal)
  --json FILE      writes the figures
  --artifacts DIR  keeps the captures, every event of every agent, and the logs
  --keep           leaves the lab up at the end (npm run lab -- down removes it)
  --speaker NAME   who announces on directors: ospf (the agent itself), or frr (an FRR beside it)
  --frr RELEASE    of the directors' FRR: 8.4 or 10.3 (default: 10.3)
  --router RELEASE of the routers' FRR: 8.4 or 10.3 (default: 8.4)`;

/** Returns the options, 'help', or what is wrong as `{ fault }`. */
export function parseOptions(argv: readonly string[]): DemoOptions | 'help' | { readonly fault: string } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        json: { type: 'string' },
        artifacts: { type: 'string' },
        plain: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        speaker: { type: 'string' },
        frr: { type: 'string' },
        router: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return 'help';
    const who = {
      speaker: oneOf('speaker', SPEAKERS, values.speaker),
      frr: oneOf('frr', RELEASES, values.frr),
      router: oneOf('router', RELEASES, values.router),
    };
    return { json: values.json, artifacts: values.artifacts, plain: values.plain, keep: values.keep, who };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

const SPEAKERS = ['ospf', 'frr'] as const;
const RELEASES: readonly FrrRelease[] = ['8.4', '10.3'];

function oneOf<T extends string>(name: string, choices: readonly T[], value: string | undefined): T | undefined {
  const chosen = choices.find((one) => one === value);
  if (value !== undefined && chosen === undefined) throw new Error(`--${name} ${value}: one of ${choices.join(', ')}`);
  return chosen;
}
