/** The load client's command line. */
import { parseArgs } from 'node:util';

export interface LoadOptions {
  readonly target: { readonly address: string; readonly port: number };
  /** Local addresses, used in turn. */
  readonly sources: readonly string[];
  /** Long-lived connections of each kind. */
  readonly request: number;
  readonly idle: number;
  readonly push: number;
  readonly bulk: number;
  /** Short connections per second. */
  readonly short: number;
  /** Port on which real servers mirror what `bulk` connections send (`mirror-main.ts`). */
  readonly mirror: number;
  /** Milliseconds between an idle connection's requests. */
  readonly idlePause: number;
  /** Milliseconds over which the long-lived connections are opened. */
  readonly ramp: number;
  /** Milliseconds without any progress after which a connection counts as lost. */
  readonly patience: number;
}

/** Long-lived connections of each kind, unless told otherwise. */
export const DEFAULT_LOAD = { request: 200, idle: 40, push: 40, bulk: 0 } as const;

/** Where real servers mirror, unless told otherwise. */
export const MIRROR_PORT = 7000;

const DEFAULTS = {
  request: String(DEFAULT_LOAD.request),
  idle: String(DEFAULT_LOAD.idle),
  push: String(DEFAULT_LOAD.push),
  bulk: String(DEFAULT_LOAD.bulk),
  short: '100',
  mirror: String(MIRROR_PORT),
  'idle-pause': '10000',
  ramp: '3000',
  patience: '20000',
} as const;

export const USAGE = `usage: main.js --target ADDRESS:PORT --source ADDRESS[,ADDRESS…]
  --request N --idle N --push N --bulk N
                                  long-lived connections (${DEFAULTS.request}, ${DEFAULTS.idle}, ${DEFAULTS.push}, ${DEFAULTS.bulk})
  --short N                       short connections per second (${DEFAULTS.short})
  --mirror PORT                   of the real servers, for bulk (${DEFAULTS.mirror})
  --idle-pause MS --ramp MS --patience MS (${DEFAULTS['idle-pause']}, ${DEFAULTS.ramp}, ${DEFAULTS.patience})`;

/**
 * Reads the command line (without the program's name).
 * @returns the options, or what is wrong as text
 */
export function parseOptions(argv: readonly string[]): LoadOptions | string {
  let values: Record<string, string | undefined>;
  try {
    values = parseArgs({ args: [...argv], options: optionTable() }).values as Record<string, string | undefined>;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const target = /^(\d+\.\d+\.\d+\.\d+):(\d+)$/.exec(values['target'] ?? '');
  if (target === null) return '--target needs ADDRESS:PORT';
  const sources = (values['source'] ?? '').split(',').filter((source) => source !== '');
  if (sources.length === 0) return '--source needs at least one address';
  const numbers = readNumbers(values);
  if (typeof numbers === 'string') return numbers;
  return { target: { address: target[1] ?? '', port: Number(target[2]) }, sources, ...numbers };
}

function optionTable(): Record<string, { type: 'string'; default?: string }> {
  const table: Record<string, { type: 'string'; default?: string }> = {
    target: { type: 'string' },
    source: { type: 'string' },
  };
  for (const [name, value] of Object.entries(DEFAULTS)) table[name] = { type: 'string', default: value };
  return table;
}

function readNumbers(values: Record<string, string | undefined>): Omit<LoadOptions, 'target' | 'sources'> | string {
  const bad = Object.keys(DEFAULTS).find((name) => !/^\d+$/.test(values[name] ?? ''));
  if (bad !== undefined) return `--${bad} needs a whole number, not ${JSON.stringify(values[bad])}`;
  const number = (name: keyof typeof DEFAULTS): number => Number(values[name]);
  return {
    request: number('request'),
    idle: number('idle'),
    push: number('push'),
    bulk: number('bulk'),
    short: number('short'),
    mirror: number('mirror'),
    idlePause: number('idle-pause'),
    ramp: number('ramp'),
    patience: number('patience'),
  };
}
