import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import {
  Op,
  Protocol,
  RecordFlag,
  readRecords,
  recordFault,
  recordsOf,
} from '../../../src/core/sync/records/record.ts';
import { RememberedClients, type SeenClient } from '../../../src/core/sync/remembered-clients.ts';

const WEB = { service: 0x11111111, persistence: 600 };
const MAIL = { service: 0x22222222, persistence: 600 };
const [ANN, BOB] = [ipv4('198.51.100.1'), ipv4('198.51.100.2')];
const SELF = ipv4('10.255.0.1');
const [S1, S2] = [ipv4('10.2.0.21'), ipv4('10.2.0.22')];

const seen = (client: number, server = S1, left = 600): SeenClient => ({ client, server, expiresIn: left * 1000 });

/** One reading of the maps at a moment; what is told of it, as `op client server timeout`. */
function round(
  memory: RememberedClients,
  seconds: number,
  web: readonly SeenClient[],
  mail: readonly SeenClient[] = [],
) {
  memory.seen(WEB, web, seconds);
  memory.seen(MAIL, mail, seconds);
  memory.endRound();
  return readRecords(memory.takeNews()).map(({ op, client, server, timeout }) => [op, client, server, timeout]);
}

/** What a peer has told of a client of web, as the mesh hands it on. */
function fromPeer(client: number, server = S1, timeout = 600, change = {}): Uint8Array {
  const entry = { client, vip: WEB.service, clientPort: 0, vipPort: 0, protocol: Protocol.persistence, op: Op.put };
  const rest = { state: 0, flags: 0, server, local: 0, serverPort: 0, localPort: 0, service: WEB.service };
  return recordsOf([
    { ...entry, ...rest, owner: 0x0aff0002, epoch: 3, timeout, windowScale: 0xff, birth: 0, ...change },
  ]);
}

const wanted = (memory: RememberedClients) => Object.fromEntries(memory.takeWanted());

describe('what is told', () => {
  test('a client that is new, by service, as a persistence entry', () => {
    const memory = new RememberedClients(1, SELF);
    memory.seen(WEB, [seen(ANN)], 0);
    memory.seen(MAIL, [seen(ANN, S2)], 0);
    memory.endRound();
    const records = memory.takeNews();
    expect(readRecords(records)).toMatchObject([
      { client: ANN, vip: WEB.service, service: WEB.service, server: S1, protocol: 255, timeout: 600 },
      { client: ANN, vip: MAIL.service, service: MAIL.service, server: S2, protocol: 255, timeout: 600 },
    ]);
    expect(recordFault(records, 0)).toBeUndefined();
    expect(round(memory, 1, [seen(ANN, S1, 599)], [seen(ANN, S2, 599)])).toEqual([]);
  });

  test('nobody who has only sent a SYN', () => {
    const memory = new RememberedClients(1, SELF);
    expect(round(memory, 0, [seen(ANN, S1, 10)])).toEqual([]);
    expect(round(memory, 1, [seen(ANN, S1, 600)])).toEqual([[Op.put, ANN, S1, 600]]);
  });

  test('of a short time, everybody', () => {
    const memory = new RememberedClients(1, SELF);
    memory.seen({ ...WEB, persistence: 5 }, [seen(ANN, S1, 5)], 0);
    expect(readRecords(memory.takeNews())).toHaveLength(1);
  });

  test('a client that has another server', () => {
    const memory = new RememberedClients(1, SELF);
    round(memory, 0, [seen(ANN)]);
    expect(round(memory, 5, [seen(ANN, S2, 595)])).toEqual([[Op.put, ANN, S2, 595]]);
  });

  test('one that lives on, when a third of the time has been added', () => {
    const memory = new RememberedClients(1, SELF);
    round(memory, 0, [seen(ANN)]);
    expect(round(memory, 200, [seen(ANN)])).toEqual([]);
    expect(round(memory, 201, [seen(ANN)])).toEqual([[Op.put, ANN, S1, 600]]);
    expect(round(memory, 202, [seen(ANN)])).toEqual([]);
  });

  test('one that is gone', () => {
    const memory = new RememberedClients(1, SELF);
    round(memory, 0, [seen(ANN), seen(BOB)]);
    expect(round(memory, 600, [seen(BOB)])).toEqual([
      [Op.put, BOB, S1, 600],
      [Op.delete, ANN, S1, 600],
    ]);
    expect(memory.size).toBe(1);
  });
});

describe('what peers say', () => {
  test('is wanted in the maps, once, and not told back', () => {
    const memory = new RememberedClients(1, SELF);
    memory.heard(fromPeer(ANN, S1, 300), 0);
    expect(wanted(memory)).toEqual({ [WEB.service]: [seen(ANN, S1, 300)] });
    expect(wanted(memory)).toEqual({});
    // The round in which it was written began before it was there.
    expect(round(memory, 1, [])).toEqual([]);
    expect(memory.size).toBe(1);
    expect(round(memory, 2, [seen(ANN, S1, 298)])).toEqual([]);
  });

  test('is told as ours when the client has been here since', () => {
    const memory = new RememberedClients(1, SELF);
    memory.heard(fromPeer(ANN, S1, 300), 0);
    expect(round(memory, 1, [])).toEqual([]);
    expect(round(memory, 2, [seen(ANN, S1, 600)])).toEqual([[Op.put, ANN, S1, 600]]);
  });

  test('is not answered by what the map held before', () => {
    const memory = new RememberedClients(1, SELF);
    round(memory, 0, [seen(ANN, S1)]);
    memory.heard(fromPeer(ANN, S2), 1);
    expect(round(memory, 1, [seen(ANN, S1, 599)])).toEqual([]);
    expect(round(memory, 2, [seen(ANN, S2)])).toEqual([]);
    expect(round(memory, 3, [seen(ANN, S1)])).toEqual([[Op.put, ANN, S1, 600]]);
  });

  test('runs out here without a word', () => {
    const memory = new RememberedClients(1, SELF);
    memory.heard(fromPeer(ANN, S1, 300), 0);
    round(memory, 1, [seen(ANN, S1, 299)]);
    expect([...round(memory, 301, []), ...round(memory, 302, [])]).toEqual([]);
    expect(memory.size).toBe(0);
  });

  test('takes the place of ours, which is ours no more', () => {
    const memory = new RememberedClients(1, SELF);
    round(memory, 0, [seen(ANN)]);
    memory.heard(fromPeer(ANN, S1, 600, { flags: RecordFlag.demote }), 1);
    expect(round(memory, 2, [])).toEqual([]);

    const other = new RememberedClients(1, SELF);
    round(other, 0, [seen(ANN)]);
    other.heard(fromPeer(ANN, S1, 600, { op: Op.delete }), 1);
    other.heard(fromPeer(ANN, S2, 600), 1);
    expect(wanted(other)).toEqual({ [WEB.service]: [seen(ANN, S2)] });
    expect(round(other, 2, [seen(ANN, S2)])).toEqual([]);
  });

  test('of what we have told in an earlier life is ours again: its end is told', () => {
    const memory = new RememberedClients(1, SELF);
    memory.heard(fromPeer(ANN, S1, 300, { owner: SELF }), 0);
    expect(wanted(memory)).toEqual({ [WEB.service]: [seen(ANN, S1, 300)] });
    expect([...round(memory, 1, [seen(ANN, S1, 299)]), ...round(memory, 301, [])]).toEqual([]);
    expect(round(memory, 302, [])).toEqual([[Op.delete, ANN, S1, 300]]);
  });

  test('a delete leaves what we have told ourselves', () => {
    const memory = new RememberedClients(1, SELF);
    round(memory, 0, [seen(ANN)]);
    memory.heard(fromPeer(ANN, S1, 0, { op: Op.delete }), 1);
    memory.heard(fromPeer(BOB, S1, 0, { op: Op.delete }), 1);
    expect(round(memory, 2, [seen(ANN)])).toEqual([]);
    expect(memory.size).toBe(1);
  });

  test('about connections is none of its business', () => {
    const memory = new RememberedClients(1, SELF);
    memory.heard(fromPeer(ANN, S1, 300, { protocol: Protocol.tcp }), 0);
    expect([wanted(memory), memory.size]).toEqual([{}, 0]);
  });
});
