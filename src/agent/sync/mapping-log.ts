/**
 * The mapping log: lines go into memory as connections begin and end, and from there to the file, which may be slow, full or gone.
 * Nobody waits for it, and it takes no more than a bounded memory: lines that find no room are left out and counted, and what
 * is wrong is told once and again when it is over. Which lines there are is up to `core/sync/mapping.ts`.
 *
 *   records ──> lines ──> waiting (4 MiB) ──> chunk ──> file
 */
import { u32At } from '../../core/base/big-endian.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { SyncEventName, SyncSettings } from '../../core/model/sync.ts';
import { type MappingSource, mappingLine, mappingVerb } from '../../core/sync/mapping.ts';
import { Field, RECORD_BYTES } from '../../core/sync/records/record.ts';
import type { ConnectionTable } from '../../core/sync/table/connection-table.ts';
import type { AppendFile, OpenAppendFile } from '../../io/append-file.ts';
import type { Clock } from '../../io/clock.ts';
import { Faults } from '../faults.ts';

export interface MappingLogOptions {
  readonly clock: Clock;
  readonly open: OpenAppendFile;
  /** Characters, each of one byte, that may wait while as many are being written. */
  readonly most?: number;
  /** Milliseconds since 1970. */
  timeOfDay(): number;
  tell(event: SyncEventName, values: Readonly<Record<string, unknown>>): void;
}

/** From one write to the next: a line after a quiet moment is written at once, and many are written together. */
const WRITE_EVERY: Millis = 10;
const RETRY: Millis = 1000;
/** About 40,000 lines. */
const MOST_WAITING = 4 * 1024 * 1024;
/** At the end, for a disk that does not answer. */
const END_WITHIN: Millis = 500;
/** What lists the kernel waits so long for room, if the file is well. */
const ROOM_WITHIN: Millis = 100;
const NEWLINE = 10;
const NOTHING = new Uint8Array(0);
/** A service that has left the file since. */
const UNKNOWN = '?';

export class MappingLog {
  readonly #options: MappingLogOptions;
  readonly #faults: Faults;
  readonly #most: number;
  /** The file that is asked for, undefined = none; and the one that was asked for last. */
  #wanted: string | undefined;
  #path = '';
  #services: ReadonlyMap<number, string> = new Map();
  #self = 0;
  #lines: string[] = [];
  #waiting = 0;
  /** What is being written, and how far it is. */
  #chunk: Uint8Array = NOTHING;
  #done = 0;
  #file: AppendFile | undefined;
  /** The file is to be opened anew when the chunk is written. */
  #isStale = false;
  #writing: Promise<void> | undefined;
  #cancelWrite: (() => void) | undefined;
  #restUntil: Instant = Number.NEGATIVE_INFINITY;
  #ended = false;
  #isWell = true;
  readonly #counts = { lines: 0, dropped: 0 };
  #droppedBefore = 0;

  constructor(options: MappingLogOptions) {
    this.#options = options;
    this.#most = options.most ?? MOST_WAITING;
    this.#faults = new Faults((message) => options.tell('mapping-log-fault', { file: this.#path, message }));
  }

  configure({ mappingLog, services, self }: SyncSettings): void {
    this.#self = self.routerId;
    this.#services = new Map(services.map(({ service, name }) => [service, name]));
    if (mappingLog === this.#wanted) return;
    this.#wanted = mappingLog;
    if (mappingLog !== undefined) this.#path = mappingLog;
    this.#isStale = true;
    void this.#write();
  }

  /** Somebody has moved the file away: a new one is begun. */
  reopen(): void {
    if (this.#wanted === undefined) return;
    this.#isStale = true;
    void this.#write();
  }

  /** What the kernel tells, before the table takes it. */
  note(records: Uint8Array, table: ConnectionTable, source: MappingSource): void {
    if (this.#wanted === undefined) return;
    let time: string | undefined;
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const verb = mappingVerb(records, at, table, this.#self, source);
      if (verb === undefined) continue;
      time ??= new Date(this.#options.timeOfDay()).toISOString();
      this.#add(
        mappingLine(time, verb, records, at, this.#services.get(u32At(records, at + Field.service)) ?? UNKNOWN),
      );
    }
  }

  /** For who has more to note than happens by itself: when there is room again, or after a moment. */
  room(): Promise<void> | undefined {
    if (this.#waiting < this.#most / 2 || !this.#isWell) return undefined;
    return this.#within(ROOM_WITHIN, this.#write());
  }

  counts(): Readonly<Record<string, number>> {
    return { ...this.#counts, waiting: this.#waiting + this.#chunk.length - this.#done };
  }

  /** Writes what waits, if that does not take long. */
  async close(): Promise<void> {
    this.#ended = true;
    if (this.#wanted === undefined && this.#writing === undefined) return;
    this.#wanted = undefined;
    this.#isStale = true;
    // What came during a write is written by the next.
    await this.#within(
      END_WITHIN,
      this.#write().then(() => this.#write()),
    );
  }

  #add(line: string): void {
    if (this.#waiting + line.length > this.#most) {
      this.#counts.dropped += 1;
      this.#failed('room', 'it does not take lines as fast as they come; some are left out');
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    this.#counts.lines += 1;
    if (this.#writing === undefined) this.#writeAfter(this.#restUntil - this.#options.clock.now());
  }

  #writeAfter(delay: Millis): void {
    if (this.#ended) return;
    this.#cancelWrite ??= this.#options.clock.after(Math.max(0, delay), () => void this.#write());
  }

  /** Resolves when all is written, or cannot be. */
  #write(): Promise<void> {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    this.#restUntil = this.#options.clock.now() + WRITE_EVERY;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (!this.#isWell) this.#writeAfter(RETRY);
      else if (this.#lines.length > 0 || this.#isStale) this.#writeAfter(WRITE_EVERY);
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      do {
        await this.#writeChunk();
        if (this.#isStale) await this.#closeFile();
        this.#takeLines();
        await this.#writeChunk();
      } while (this.#waiting >= this.#most / 2);
      if (this.#wanted === undefined) await this.#closeFile();
      else await this.#openFile();
      this.#mended();
    } catch (error) {
      this.#failed('file', messageOf(error));
      // What is left is for another file, or for the same one after somebody has looked at it.
      if (this.#isStale) await this.#closeFile().catch(() => {});
    }
  }

  async #writeChunk(): Promise<void> {
    while (this.#done < this.#chunk.length) {
      const file = await this.#openFile();
      this.#done += await file.append(this.#chunk.subarray(this.#done));
    }
  }

  #takeLines(): void {
    this.#chunk = new TextEncoder().encode(this.#lines.join(''));
    this.#done = 0;
    this.#lines = [];
    this.#waiting = 0;
  }

  async #openFile(): Promise<AppendFile> {
    this.#file ??= await this.#options.open(this.#path);
    return this.#file;
  }

  async #closeFile(): Promise<void> {
    this.#isStale = false;
    const file = this.#file;
    this.#file = undefined;
    // A line of which a part was written is written whole to the next file, which may be the same: on a line of its own.
    if (this.#done > 0 && this.#done < this.#chunk.length) {
      this.#done = Math.max(0, this.#chunk.lastIndexOf(NEWLINE, this.#done - 1));
    }
    await file?.close();
  }

  #failed(what: 'file' | 'room', message: string): void {
    if (this.#isWell) this.#droppedBefore = this.#counts.dropped - (what === 'room' ? 1 : 0);
    this.#isWell = false;
    this.#faults.report(what, message);
  }

  #mended(): void {
    if (this.#isWell) return;
    this.#isWell = true;
    this.#faults.cleared('file');
    this.#faults.cleared('room');
    const dropped = this.#counts.dropped - this.#droppedBefore;
    this.#options.tell('mapping-log-mended', { file: this.#path, dropped });
  }

  async #within(time: Millis, done: Promise<void>): Promise<void> {
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(time, resolve);
    });
    await Promise.race([done, late]);
    cancel();
  }
}
