/** The mapping log and its file, which may be slow, full, moved away, or none at all. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { MappingLog } from '../../../src/agent/sync/mapping-log.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { SyncService } from '../../../src/core/model/sync.ts';
import { Op, RECORD_BYTES, RecordFlag, recordsOf, serviceHash } from '../../../src/core/sync/records/record.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';
import { type OpenAppendFile, openAppendFile } from '../../../src/io/append-file.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { SETTINGS } from './sync-threads.ts';

const WEB: SyncService = {
  ...{ name: 'web', service: serviceHash('web'), digest: '', vips: [], ports: [], protocol: 'tcp', fullnat: true },
  ...{ sync: 'established', serverIds: [], establishedTimeout: 60, persistence: undefined },
};

/** Characters that may wait. */
const MOST = 20_000;

/** A new connection for each client port. */
function opened(...ports: readonly number[]): Uint8Array {
  return recordsOf(
    ports.map((clientPort) => ({
      ...{ client: ipv4('198.51.100.7'), vip: ipv4('203.0.113.10'), clientPort, vipPort: 80, protocol: 6 },
      ...{ op: Op.put, state: 3, flags: RecordFlag.assured, server: ipv4('10.2.0.21'), local: ipv4('10.3.0.1') },
      ...{ serverPort: 80, localPort: clientPort, service: serviceHash('web'), owner: 0, epoch: 0, timeout: 9 },
      windowScale: 0,
      birth: 0,
    })),
  );
}

/** Files in memory, and what the test has them do. */
class MemoryDisk {
  readonly files = new Map<string, string>();
  /** Handles keep the name that a file had when it was opened. */
  readonly opened: string[] = [];
  closed = 0;
  /** What the next writes meet; `room`: so many bytes are taken before. */
  refusal: string | undefined;
  room = Number.POSITIVE_INFINITY;
  /** Writes wait for this. */
  gate: Promise<void> = Promise.resolve();

  readonly open: OpenAppendFile = async (path) => {
    if (path.startsWith('/none/')) throw new Error('ENOENT: no such file or directory');
    this.opened.push(path);
    if (!this.files.has(path)) this.files.set(path, '');
    return {
      append: async (bytes) => {
        await this.gate;
        if (this.refusal !== undefined && this.room === 0) throw new Error(this.refusal);
        const taken = Math.min(bytes.length, this.room);
        this.room -= taken;
        this.files.set(path, this.files.get(path)! + new TextDecoder().decode(bytes.subarray(0, taken)));
        return taken;
      },
      close: async () => {
        this.closed += 1;
      },
    };
  };

  /** Client ports in the order of lines. */
  ports(path: string): number[] {
    const lines = this.files.get(path)!.split('\n').slice(0, -1);
    return lines.map((line) => Number(/ 198\.51\.100\.7:(\d+) .* web$/.exec(line)![1]));
  }
}

class Bench {
  readonly clock = new FakeClock();
  readonly disk = new MemoryDisk();
  readonly events: string[] = [];
  readonly table = new ConnectionTable({ seed: 1 });
  readonly log: MappingLog;

  constructor(path: string | undefined = '/log/a', open: OpenAppendFile = this.disk.open) {
    const timeOfDay = () => Date.UTC(2026, 10, 21, 19, 3, 11, 42) + this.clock.now();
    const tell = (event: string, values: object) => this.events.push([event, ...Object.values(values)].join(' '));
    this.log = new MappingLog({ clock: this.clock, open, timeOfDay, tell, most: MOST });
    this.want(path);
  }

  want(mappingLog: string | undefined): void {
    this.log.configure({ ...SETTINGS, services: [WEB], mappingLog });
  }

  note(...ports: readonly number[]): void {
    this.log.note(opened(...ports), this.table, 'event');
  }
}

describe('lines', () => {
  test('are in the file at once, many together, with the time and the service’s name', async () => {
    const { clock, disk, log, table, ...bench } = new Bench();
    log.note(opened(40_001), table, 'event');
    log.note(opened(40_002), table, 'event');
    expect(disk.files.get('/log/a') ?? '').toBe('');
    await clock.advance(100);
    const rest = '203.0.113.10:80 10.3.0.1:4000';
    expect(disk.files.get('/log/a')).toBe(
      [1, 2]
        .map((n) => `2026-11-21T19:03:11.042Z opened tcp 198.51.100.7:4000${n} ${rest}${n} 10.2.0.21:80 web\n`)
        .join(''),
    );
    expect(bench.events).toEqual([]);
    expect(log.counts()).toEqual({ lines: 2, dropped: 0, waiting: 0 });
  });

  test('none without a file, and nothing is opened', async () => {
    const bench = new Bench(undefined);
    bench.want(undefined);
    bench.note(1);
    await bench.log.close();
    expect([bench.disk.opened, bench.log.counts()['lines']]).toEqual([[], 0]);
  });

  test('the file is there before the first one', async () => {
    const { disk } = new Bench();
    await settle();
    expect(disk.files.get('/log/a')).toBe('');
  });

  test('what waits when it ends is written, what comes meanwhile too', async () => {
    const { disk, log, ...bench } = new Bench();
    log.note(opened(1), bench.table, 'event');
    const closed = log.close();
    await closed;
    expect(disk.ports('/log/a')).toEqual([1]);
    expect(disk.closed).toBe(disk.opened.length);
  });
});

describe('another file', () => {
  test('is begun when the file says so, and the one before let go', async () => {
    const bench = new Bench();
    bench.note(1);
    await bench.clock.advance(100);
    bench.want('/log/b');
    bench.note(2);
    await bench.clock.advance(100);
    expect([bench.disk.ports('/log/a'), bench.disk.ports('/log/b'), bench.disk.closed]).toEqual([[1], [2], 1]);
  });

  test('is none: the last lines are still written', async () => {
    const bench = new Bench();
    await settle();
    bench.note(1);
    bench.want(undefined);
    await bench.clock.advance(100);
    expect(bench.disk.ports('/log/a')).toEqual([1]);
    expect(bench.disk.closed).toBe(bench.disk.opened.length);
  });

  test('takes the place of one that was moved away', async () => {
    const bench = new Bench();
    const { disk } = bench;
    bench.note(1);
    await bench.clock.advance(100);
    bench.log.reopen();
    await settle();
    expect([disk.opened, disk.closed]).toEqual([['/log/a', '/log/a'], 1]);
  });

  test('while a write is under way: what is being written goes to the old one, all after it to the new one', async () => {
    const bench = new Bench();
    await settle();
    let go = () => {};
    bench.disk.gate = new Promise((resolve) => {
      go = resolve;
    });
    bench.note(1);
    await bench.clock.advance(100);
    bench.want('/log/b');
    bench.note(2);
    go();
    await bench.clock.advance(200);
    expect([bench.disk.ports('/log/a'), bench.disk.ports('/log/b')]).toEqual([[1], [2]]);
  });
});

describe('a disk that is full', () => {
  test('is told of once, keeps the lines waiting, and is well again where it stopped', async () => {
    const bench = new Bench();
    const { clock, disk, events } = bench;
    disk.refusal = 'ENOSPC: no space left on device';
    disk.room = 30;
    bench.note(1, 2);
    await clock.advance(3500);
    bench.note(3);
    await clock.advance(1000);
    expect(events).toEqual(['mapping-log-fault /log/a ENOSPC: no space left on device']);
    expect(disk.files.get('/log/a')).toHaveLength(30);
    disk.room = Number.POSITIVE_INFINITY;
    await clock.advance(1000);
    expect(disk.ports('/log/a')).toEqual([1, 2, 3]);
    expect(events.slice(1)).toEqual(['mapping-log-mended /log/a 0']);
  });

  test('for another one: a line of which a part was written is whole in the next file', async () => {
    const bench = new Bench();
    bench.disk.refusal = 'ENOSPC';
    bench.disk.room = 130;
    bench.note(1, 2, 3);
    await bench.clock.advance(100);
    bench.want('/log/b');
    await bench.clock.advance(100);
    bench.disk.room = Number.POSITIVE_INFINITY;
    await bench.clock.advance(1000);
    expect(bench.disk.files.get('/log/b')!.replace(/^\n/, '').split('\n').slice(0, -1)).toEqual([
      expect.stringMatching(/^2026.*:2 .* web$/),
      expect.stringMatching(/^2026.*:3 .* web$/),
    ]);
  });

  test('for long: no more lines than there is room for, the others are counted and told', async () => {
    const bench = new Bench();
    bench.disk.refusal = 'ENOSPC';
    bench.disk.room = 0;
    const ports = Array.from({ length: 300 }, (_, index) => index + 1);
    bench.note(...ports);
    await bench.clock.advance(100);
    const { lines, dropped, waiting } = bench.log.counts() as Record<'lines' | 'dropped' | 'waiting', number>;
    expect(lines + dropped).toBe(300);
    expect(dropped).toBeGreaterThan(50);
    expect(waiting).toBeLessThanOrEqual(MOST);
    expect(bench.events).toEqual([
      'mapping-log-fault /log/a it does not take lines as fast as they come; some are left out',
      'mapping-log-fault /log/a ENOSPC',
    ]);
    bench.disk.room = Number.POSITIVE_INFINITY;
    await bench.clock.advance(1000);
    expect(bench.events.at(-1)).toBe(`mapping-log-mended /log/a ${dropped}`);
    expect(bench.disk.files.get('/log/a')!.split('\n')).toHaveLength(lines + 1);
  });

  test('or hangs: nobody waits for it, not even the end', async () => {
    const bench = new Bench();
    await settle();
    bench.disk.gate = new Promise(() => {});
    bench.note(1);
    await bench.clock.advance(100);
    const closed = bench.log.close();
    await bench.clock.advance(500);
    await closed;
  });
});

test('a listing waits for room, but not for a disk that is not well', async () => {
  const bench = new Bench();
  const much = opened(...Array.from({ length: 120 }, (_, index) => index + 1));
  bench.log.note(much.subarray(0, 10 * RECORD_BYTES), bench.table, 'dump');
  expect(bench.log.room()).toBeUndefined();
  bench.log.note(much.subarray(10 * RECORD_BYTES), bench.table, 'dump');
  await bench.log.room();
  expect(bench.log.counts()['waiting']).toBe(0);
  bench.disk.refusal = 'EIO';
  bench.disk.room = 0;
  bench.note(1);
  await bench.clock.advance(100);
  bench.log.note(much, bench.table, 'dump');
  expect(bench.log.room()).toBeUndefined();
});

test('a folder that is not there is told, and used when it is', async () => {
  const bench = new Bench('/none/a');
  await settle();
  expect(bench.events).toEqual(['mapping-log-fault /none/a ENOENT: no such file or directory']);
  bench.want('/log/a');
  bench.note(1);
  await bench.clock.advance(1000);
  expect(bench.disk.ports('/log/a')).toEqual([1]);
  expect(bench.events.slice(1)).toEqual(['mapping-log-mended /log/a 0']);
});

describe('a real file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-mapping-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const encoded = (text: string) => new TextEncoder().encode(text);

  test('is appended to, is nobody else’s to read, and goes on after it was moved away', async () => {
    const path = join(dir, 'mapping.log');
    const first = await openAppendFile(path);
    expect(await first.append(encoded('one\n'))).toBe(4);
    renameSync(path, `${path}.1`);
    await first.append(encoded('two\n'));
    const second = await openAppendFile(path);
    await second.append(encoded('three\n'));
    await Promise.all([first.close(), second.close()]);
    const third = await openAppendFile(path);
    await third.append(encoded('four\n'));
    await third.close();
    expect([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['one\ntwo\n', 'three\nfour\n']);
    expect(statSync(path).mode & 0o137).toBe(0);
  });

  test('that cannot be opened, and a disk that is full, are said in the system’s words', async () => {
    await expect(openAppendFile(join(dir, 'none', 'mapping.log'))).rejects.toThrow('ENOENT');
    await expect(openAppendFile(dir)).rejects.toThrow('EISDIR');
    const full = await openAppendFile('/dev/full');
    await expect(full.append(encoded('one\n'))).rejects.toThrow('ENOSPC');
    await full.close();
  });
});
