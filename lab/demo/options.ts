/** The demo's command line. */
import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Result file (JSON). */
  readonly json: string | undefined;
  /** Lines instead of a live view. */
  readonly plain: boolean;
  /** Leave the lab up at the end. */
  readonly keep: boolean;
  /** Folder for captures, events and logs. */
  readonly artifacts: string | undefined;
}

export const USAGE = `usage: npm run demo -- [--plain] [--json FILE] [--artifacts DIR] [--keep]
  --plain          one line at a time instead of the live view (so it is where there is no terminal)
  --json FILE      writes the figures
  --artifacts DIR  keeps the captures, every event of every agent, and the logs
  --keep           leaves the lab up at the end (npm run lab -- down removes it)`;

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
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return 'help';
    return { json: values.json, artifacts: values.artifacts, plain: values.plain, keep: values.keep };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}
