/**
 * A value in a file of the state folder that means something only in this network namespace and until the next boot. A file that
 * cannot be used is told, and done without.
 */
import { messageOf } from '../../core/base/message-of.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';

export interface KeptValueOptions<T> {
  readonly file: StateFile;
  /** Names the network namespace and the boot. */
  readonly host: () => Promise<string>;
  readonly events: Pick<EventLog, 'emit'>;
  /** What counts where nothing is noted; a value that is as good as this leaves no file. */
  readonly nothing: T;
  isNothing(value: T): boolean;
  encode(host: string, value: T): string;
  decode(host: string, text: string): T;
}

export interface KeptValue<T> {
  read(): Promise<T>;
  write(value: T): Promise<void>;
}

export function keptValue<T>(options: KeptValueOptions<T>): KeptValue<T> {
  const { file, host, events, nothing } = options;
  async function unlessRefused<R>(work: () => Promise<R>, otherwise: R): Promise<R> {
    try {
      return await work();
    } catch (error) {
      events.emit('state-file-fault', { message: messageOf(error) });
      return otherwise;
    }
  }
  return {
    read: () =>
      unlessRefused(async () => {
        const text = await file.read();
        return text === undefined ? nothing : options.decode(await host(), text);
      }, nothing),
    write: (value) =>
      unlessRefused(async () => {
        if (options.isNothing(value)) await file.remove();
        else await file.write(options.encode(await host(), value), false);
      }, undefined),
  };
}
