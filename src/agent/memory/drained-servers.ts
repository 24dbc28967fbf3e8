/**
 * Which servers the operator has asked to be drained, for the next agent: `drained-servers.json` in the state folder. It
 * outlives reboots, as what was asked was not about this boot. A file that cannot be read or understood is told and ignored.
 */

import { messageOf } from '../../core/base/message-of.ts';
import type { ServerName } from '../../core/servers/server-lifecycles.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';

const VERSION = 1;

export class DrainedServers {
  readonly #file: StateFile;
  readonly #events: EventLog;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: StateFile, events: EventLog) {
    this.#file = file;
    this.#events = events;
  }

  async read(): Promise<readonly ServerName[]> {
    try {
      const text = await this.#file.read();
      if (text === undefined) return [];
      const drained = decodeDrained(text);
      if (drained !== undefined) return drained;
      this.#told('which servers an earlier agent had drained is not known: the file is not ours');
    } catch (error) {
      this.#told(messageOf(error));
    }
    return [];
  }

  /** Writes one after the other; the last one counts. Resolves when it is on the disk, or the refusal was told. */
  keep(drained: readonly ServerName[]): Promise<void> {
    const text = `${JSON.stringify({ version: VERSION, drained })}\n`;
    this.#writing = this.#writing
      .then(() => (drained.length === 0 ? this.#file.remove() : this.#file.write(text, true)))
      .catch((error: unknown) => this.#told(messageOf(error)));
    return this.#writing;
  }

  #told(message: string): void {
    this.#events.emit('state-file-fault', { message });
  }
}

/** The names, or undefined for what is none of ours. Never throws. */
export function decodeDrained(text: string): readonly ServerName[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== VERSION)
    return undefined;
  if (!('drained' in value) || !Array.isArray(value.drained)) return undefined;
  const names = value.drained.map(nameOf);
  return names.every((one) => one !== undefined) ? names : undefined;
}

function nameOf(one: unknown): ServerName | undefined {
  if (typeof one !== 'object' || one === null || !('service' in one) || !('server' in one)) return undefined;
  const { service, server } = one;
  return typeof service === 'string' && typeof server === 'string' ? { service, server } : undefined;
}
