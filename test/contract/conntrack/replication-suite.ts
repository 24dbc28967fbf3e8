/**
 * What connection replication must do, whoever holds the connections. All packets of the client and all answers go by way of one
 * of the two directors (replication-world.ts) at a time.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { type ConnectionRecord, Op, RecordFlag, serviceHash } from '../../../src/core/sync/records/record.ts';
import { LIP } from '../dataplane/fullnat-suite.ts';
import { CLIENT, type FlowTarget } from '../dataplane/suite.ts';
import { ERROR_MATRIX } from './error-matrix.ts';
import {
  type Director,
  DNS,
  type News,
  QUIET,
  type ReplicationWorld,
  SERVERS,
  type ServerName,
  SHOP,
  WEB,
  WHOLE,
} from './replication-world.ts';

const COUNT = 12;
const ESTABLISHED = 3;

/** Every test has ports of its own, in the range of Linux clients, of which FullNAT blocks are sized. */
let nextPort = 33_000;
function freshPorts(count: number): number {
  const first = nextPort;
  nextPort += count;
  return first;
}

const ports = (first: number, count = COUNT) => Array.from({ length: count }, (_, i) => first + i);
const among =
  (first: number, count = COUNT) =>
  (record: ConnectionRecord) =>
    record.clientPort >= first && record.clientPort < first + count;
const recordsOf = (news: readonly News[]): ConnectionRecord[] =>
  news.flatMap((one) => (one.kind === 'record' ? [one.record] : []));
const byPort = (records: readonly ConnectionRecord[]) => [...records].sort((a, b) => a.clientPort - b.clientPort);

/** `put`, `delete claimed`, … */
function wordsOf({ op, flags }: ConnectionRecord): string {
  const name = Object.entries(Op).find(([, value]) => value === op)?.[0] ?? String(op);
  const claimed = (flags & RecordFlag.claimed) !== 0 ? ' claimed' : '';
  return `${name}${claimed}${(flags & RecordFlag.replica) !== 0 ? ' replica' : ''}`;
}

export function replicationContract(name: string, world: ReplicationWorld): void {
  describe(`connection replication: ${name}`, () => {
    const { d1, d2 } = { d1: () => world.d1, d2: () => world.d2 };

    beforeAll(() => world.up());
    afterAll(() => world.down());
    beforeEach(async () => {
      await world.routeClient('d1');
      await world.routeAnswers('d1');
      await d1().news(() => true);
      await d2().news(() => true);
    });

    /** What was told of these connections, once there is so much of it for each. */
    async function told(director: Director, sport: number, each: number, count = COUNT) {
      const enough = (news: readonly News[]) => recordsOf(news).filter(among(sport, count)).length >= each * count;
      const records = recordsOf(await director.news(enough)).filter(among(sport, count));
      return ports(sport, count).map((port) => records.filter(({ clientPort }) => clientPort === port));
    }

    async function expectTold(director: Director, sport: number, words: readonly string[], count = COUNT) {
      const all = await told(director, sport, words.length, count);
      expect(all.map((records) => records.map(wordsOf))).toEqual(all.map(() => words));
      return all;
    }

    /** New connections by way of the first director, as it told of them. */
    async function begun(target: FlowTarget, count = COUNT) {
      const sport = freshPorts(count);
      const answers = await world.connect(sport, count, target);
      const all = await expectTold(d1(), sport, ['put'], count);
      return { sport, answers, records: all.map(([record]) => record!) };
    }

    /** The same, put into the second director. */
    async function copied(target: FlowTarget, count = COUNT) {
      const connections = await begun(target, count);
      expect(await d2().apply(connections.records)).toEqual({ taken: count, refused: [] });
      return connections;
    }

    async function found(director: Director, sport: number, replicas?: boolean) {
      return byPort((await director.dump({ replicas })).filter(among(sport)));
    }

    test.each([
      ['NAT', 'web', WEB],
      ['FullNAT', 'shop', SHOP],
    ] as const)(
      'a connection is told once it is established, as the servers see it: %s',
      async (_, service, target) => {
        const { answers, sport, records } = await begun(target);
        for (const [i, record] of records.entries()) {
          expect(record).toMatchObject({
            client: ipv4(CLIENT),
            vip: ipv4(target.vip),
            clientPort: sport + i,
            vipPort: 80,
            protocol: 6,
            state: ESTABLISHED,
            flags: RecordFlag.assured | RecordFlag.seenReply,
            server: SERVERS[answers[i] as ServerName],
            serverPort: 80,
            local: ipv4(target === SHOP ? LIP.d1 : CLIENT),
            service: serviceHash(service),
            owner: 0,
            epoch: 0,
          });
          if (target === WEB) expect(record.localPort).toBe(sport + i);
          expect(record.windowScale).not.toBe(0xff);
          expect(record.timeout).toBeGreaterThan(400_000);
        }
      },
    );

    test('UDP is told once it was answered', async () => {
      const sport = freshPorts(COUNT);
      const answers = await world.connect(sport, COUNT, DNS);
      const all = await expectTold(d1(), sport, ['put']);
      for (const [i, [record]] of all.entries()) {
        expect(record).toMatchObject({ protocol: 17, state: 0, server: SERVERS[answers[i] as ServerName] });
        expect(record!.flags & RecordFlag.seenReply).not.toBe(0);
      }
    });

    test('of a service that syncs all, every step is told', async () => {
      await d1().configure(d1().everything);
      const sport = freshPorts(COUNT);
      await world.connect(sport, COUNT, WHOLE);
      const all = await expectTold(d1(), sport, ['put', 'put', 'put']);
      expect(all.map((records) => records.map(({ state }) => state))).toEqual(all.map(() => [1, 2, ESTABLISHED]));
      await world.close(sport, COUNT, 'fin');
      const ends = await told(d1(), sport, 2);
      expect(ends.map((records) => records.map(wordsOf).at(-1))).toEqual(ends.map(() => 'delete'));
      const other = freshPorts(COUNT);
      await world.connect(other, COUNT, WEB);
      await expectTold(d1(), other, ['put']);
      await d1().configure(d1().services);
    });

    test('what is not synced is neither told nor dumped', async () => {
      const sport = freshPorts(COUNT);
      await world.connect(sport, COUNT, QUIET);
      const { sport: other } = await begun(WEB);
      await world.close(sport, COUNT, 'reset');
      await world.close(other, COUNT, 'reset');
      await told(d1(), other, 1);
      expect(recordsOf(await d1().news(() => true)).filter(among(sport))).toEqual([]);
      expect(await found(d1(), sport)).toEqual([]);
    });

    test('a dump of one service: synced or not, and no more than are wanted', async () => {
      const sport = freshPorts(COUNT);
      await world.connect(sport, COUNT, QUIET);
      const { sport: other } = await begun(WEB);
      const service = serviceHash('quiet');
      const dumped = await d1().dump({ replicas: false, service });
      expect(dumped.filter(among(sport))).toHaveLength(COUNT);
      expect(dumped.every((record) => record.service === service && record.state === ESTABLISHED)).toBe(true);
      expect(dumped.filter(among(other))).toEqual([]);
      expect(await d1().dump({ replicas: true, service })).toEqual([]);
      expect(await d1().dump({ replicas: false, service, most: 2 })).toHaveLength(2);
    });

    test('the end is told when both ends have closed, or one has reset', async () => {
      const [closed, reset] = [await begun(WEB), await begun(SHOP)];
      await world.close(closed.sport, COUNT, 'fin');
      await expectTold(d1(), closed.sport, ['delete']);
      await world.close(reset.sport, COUNT, 'reset');
      await expectTold(d1(), reset.sport, ['delete']);
      expect(await found(d1(), closed.sport)).toEqual([]);
      expect(await found(d1(), reset.sport)).toEqual([]);
    });

    test('what begins here has a birth, in a dump as in its event', async () => {
      const { sport, records } = await begun(WEB);
      const births = (of: readonly ConnectionRecord[]) => of.map(({ birth }) => birth);
      expect(births(await found(d1(), sport))).toEqual(births(records));
      expect(births(records)).not.toContain(0);
      expect(new Set(births(records)).size).toBe(COUNT);
    });

    test('the end is told when an entry is gone', async () => {
      const { sport, records } = await begun(WEB);
      for (const record of records) await d1().forget(record);
      await expectTold(d1(), sport, ['delete']);
    });

    test.each([
      ['NAT', WEB],
      ['FullNAT', SHOP],
    ] as const)('a copy is told by nobody, and carries the connection when the client comes: %s', async (_, target) => {
      const { answers, sport, records } = await copied(target);
      expect(recordsOf(await d2().news(() => true)).filter(among(sport))).toEqual([]);
      const copies = await found(d2(), sport, true);
      expect(copies.map(({ timeout, ...rest }) => rest)).toEqual(
        records.map(({ timeout, flags, ...rest }) => ({ ...rest, flags: flags | RecordFlag.replica, birth: 0 })),
      );
      for (const { timeout } of copies) expect(timeout).toBeGreaterThan(400_000);
      expect(await found(d2(), sport, false)).toEqual([]);

      await world.routeClient('d2');
      await world.routeAnswers('d2');
      expect(await world.ask(sport, COUNT)).toEqual(answers);
      const claims = await expectTold(d2(), sport, ['put claimed']);
      for (const [i, [claim]] of claims.entries()) {
        expect(claim).toMatchObject({
          server: records[i]!.server,
          local: records[i]!.local,
          state: ESTABLISHED,
          birth: 0,
        });
      }
      expect(await world.ask(sport, COUNT)).toEqual(answers);
      expect(recordsOf(await d2().news(() => true)).filter(among(sport))).toEqual([]);
      expect(await found(d2(), sport, false)).toHaveLength(COUNT);
    });

    test.each([
      ['known', (record: ConnectionRecord) => record],
      ['unknown', (record: ConnectionRecord) => ({ ...record, windowScale: 0xff })],
    ] as const)('bulk data passes by a copy whose window scale is %s', async (_, change) => {
      const { sport, records } = await begun(WEB);
      await d2().apply(records.map(change));
      await world.routeClient('d2');
      await world.routeAnswers('d2');
      expect(await world.fetch(sport, COUNT, 3_000_000)).toEqual(ports(sport).map(() => 3_000_000));
    });

    test('whoever gives a connection away keeps a copy, and takes it back with the next packet', async () => {
      const { answers, sport, records } = await copied(SHOP);
      const demoted = records.map((record) => ({ ...record, flags: record.flags | RecordFlag.demote }));
      expect(await d1().apply(demoted)).toEqual({ taken: COUNT, refused: [] });
      expect((await d1().counts()).demoted).toBe(COUNT);
      expect(await found(d1(), sport, true)).toHaveLength(COUNT);
      expect(recordsOf(await d1().news(() => true)).filter(among(sport))).toEqual([]);
      expect(await world.ask(sport, COUNT)).toEqual(answers);
      await expectTold(d1(), sport, ['put claimed']);
    });

    test('a connection that is given away and is not there any more is made', async () => {
      const { sport, records } = await copied(WEB);
      for (const record of records) await d2().forget(record);
      await expectTold(d2(), sport, ['delete replica']);
      const demoted = records.map((record) => ({ ...record, flags: record.flags | RecordFlag.demote }));
      expect(await d2().apply(demoted)).toEqual({ taken: COUNT, refused: [] });
      expect(await found(d2(), sport, true)).toHaveLength(COUNT);
    });

    test.each(['fin', 'reset'] as const)('an end that passes by a copy is told as such: %s', async (how) => {
      const { sport } = await copied(WEB);
      await world.routeAnswers('d2');
      await world.closeByServer(sport, COUNT, how);
      const all = await expectTold(d2(), sport, ['closing replica']);
      for (const [record] of all) expect(record!.state).toBe(how === 'fin' ? 4 : 8);
    });

    test('a FIN that moves a connection claims it, and its end is told by the new owner', async () => {
      const { sport } = await copied(WEB);
      await world.routeClient('d2');
      await world.routeAnswers('d2');
      await world.close(sport, COUNT, 'fin');
      const all = await told(d2(), sport, 2);
      for (const words of all.map((records) => records.map(wordsOf))) {
        expect(words[0]).toBe('put claimed');
        expect(words.at(-1)).toBe('delete claimed');
      }
    });

    test('a copy that is put again has the new state and timeout, and goes on translating', async () => {
      const { answers, sport, records } = await copied(SHOP);
      expect(await d2().apply(records.map((record) => ({ ...record, timeout: 777 })))).toEqual({
        taken: COUNT,
        refused: [],
      });
      for (const { timeout } of await found(d2(), sport)) expect([776, 777]).toContain(timeout);
      await world.routeClient('d2');
      await world.routeAnswers('d2');
      expect(await world.ask(sport, COUNT)).toEqual(answers);
    });

    test('an entry that is not assured may become so, and stays so', async () => {
      const { sport, records } = await begun(WEB);
      const guess = records.map((record) => ({ ...record, flags: RecordFlag.predicted, timeout: 10 }));
      const flagsOf = async () => (await found(d2(), sport)).map(({ flags }) => flags);
      expect((await d2().apply(guess)).taken).toBe(COUNT);
      const get = async ({ client, vip, clientPort, vipPort }: ConnectionRecord) =>
        d2().get('original', { protocol: 6, source: client, destination: vip, sport: clientPort, dport: vipPort });
      expect(await get(records[0]!)).toMatchObject({ clientPort: sport, flags: RecordFlag.replica });
      expect((await d2().apply(records)).taken).toBe(COUNT);
      const sure = RecordFlag.assured | RecordFlag.seenReply | RecordFlag.replica;
      expect(await flagsOf()).toEqual(ports(sport).map(() => sure));
      expect((await d2().apply(guess)).taken).toBe(COUNT);
      expect(await flagsOf()).toEqual(ports(sport).map(() => sure));
    });

    test('a refresh renews the timeout, and makes what has gone', async () => {
      const { sport, records } = await copied(WEB);
      await d2().forget(records[0]!);
      const refreshed = records.map((record) => ({ ...record, op: Op.refresh, timeout: 999 }));
      expect(await d2().apply(refreshed)).toEqual({ taken: COUNT, refused: [] });
      const all = await found(d2(), sport, true);
      expect(all).toHaveLength(COUNT);
      for (const { timeout } of all) expect([998, 999]).toContain(timeout);
    });

    test('a copy is deleted, and nothing else', async () => {
      const { answers, sport, records } = await copied(WEB);
      const deletes = records.map((record) => ({ ...record, op: Op.delete }));
      expect(await d2().apply(deletes)).toEqual({ taken: COUNT, refused: [] });
      expect(await found(d2(), sport)).toEqual([]);
      expect(recordsOf(await d2().news(() => true)).filter(among(sport))).toEqual([]);
      const before = await d1().counts();
      await d1().apply(deletes);
      expect((await d1().counts()).notDeleted - before.notDeleted).toBe(COUNT);
      expect(await world.ask(sport, COUNT)).toEqual(answers);
      await d2().apply(deletes);
      expect(await found(d1(), sport, false)).toHaveLength(COUNT);
    });

    test('several words on one connection in a batch are taken in their order', async () => {
      const { sport, records } = await begun(WEB);
      const [put, gone] = [records[0]!, { ...records[0]!, op: Op.delete }];
      await d2().apply([put, gone, put, { ...put, timeout: 500 }, gone]);
      expect(await found(d2(), sport)).toEqual([]);
      await d2().apply([put, gone, put]);
      expect(await found(d2(), sport)).toHaveLength(1);
    });

    test('a copy of a connection that is over makes room for one to another server', async () => {
      const { sport, records } = await copied(WEB);
      const [one] = records as [ConnectionRecord];
      const server = one.server === SERVERS.s1 ? SERVERS.s2 : SERVERS.s1;
      expect(await d2().apply([{ ...one, server }])).toEqual({ taken: 1, refused: [] });
      expect((await found(d2(), sport))[0]!.server).toBe(server);
      const own = await d1().apply([{ ...one, server }]);
      expect(own).toMatchObject({ taken: 0, refused: [{ clientPort: one.clientPort }] });
      expect((await found(d1(), sport))[0]!.server).toBe(one.server);
    });

    test('a prediction takes the place of no other, whoever carries it', async () => {
      const { sport, records } = await copied(WEB);
      const [one] = records as [ConnectionRecord];
      const server = one.server === SERVERS.s1 ? SERVERS.s2 : SERVERS.s1;
      const guess = { ...one, server, flags: RecordFlag.predicted, timeout: 10 };
      for (const director of [d1(), d2()]) {
        expect(await director.apply([guess])).toMatchObject({ taken: 0, refused: [{ clientPort: one.clientPort }] });
        expect((await found(director, sport))[0]!.server).toBe(one.server);
      }
    });

    test('an address and port that another connection has towards the server is refused', async () => {
      const { sport, records } = await copied(SHOP);
      const other = { ...records[0]!, clientPort: freshPorts(1) };
      const before = await d2().counts();
      expect(await d2().apply([other])).toEqual({ taken: 0, refused: [other] });
      expect((await d2().counts()).refusedConflict - before.refusedConflict).toBe(1);
      expect(await found(d2(), sport)).toHaveLength(COUNT);
    });

    test('what has no server here waits until it has one', async () => {
      const { sport, records } = await begun(WEB);
      await d2().configure(d2().services.map((service) => ({ ...service, serverIds: [] })));
      expect(await d2().apply(records)).toEqual({ taken: 0, refused: records });
      await d2().apply([{ ...records[0]!, op: Op.delete }]);
      expect((await d2().counts()).waiting).toBe(COUNT - 1);
      await d2().configure(d2().services);
      expect(await found(d2(), sport, true)).toHaveLength(COUNT - 1);
      expect((await d2().counts()).waiting).toBe(0);
    });

    test('a connection is found by the tuple of either side', async () => {
      const { records } = await begun(SHOP);
      const [one] = records as [ConnectionRecord];
      const client = { source: one.client, destination: one.vip, sport: one.clientPort, dport: one.vipPort };
      const server = { source: one.server, destination: one.local, sport: one.serverPort, dport: one.localPort };
      const same = { clientPort: one.clientPort, server: one.server, local: one.local, service: one.service };
      expect(await d1().get('original', { protocol: 6, ...client })).toMatchObject(same);
      expect(await d1().get('reply', { protocol: 6, ...server })).toMatchObject(same);
      expect(await d1().get('original', { protocol: 6, ...client, dport: 1 })).toBeUndefined();
      expect(await d1().get('reply', { protocol: 6, ...server, dport: 1 })).toBeUndefined();
    });

    test('what the kernel does not take is what is counted on', async () => {
      expect(await d2().errorMatrix()).toEqual(ERROR_MATRIX);
    });

    test('lost events are said, and what was lost is in a dump', async () => {
      const sport = freshPorts(300);
      await d1().whileDeaf(async () => {
        await world.connect(sport, 300, WEB);
      });
      const news = await d1().news((all) => all.some(({ kind }) => kind === 'lost'));
      expect(news.some(({ kind }) => kind === 'lost')).toBe(true);
      expect((await d1().dump()).filter(among(sport, 300))).toHaveLength(300);
      await world.close(sport, 300, 'reset');
    });

    test('lost claims are told all the same', async () => {
      const { sport } = await copied(WEB, 300);
      await world.routeClient('d2');
      await world.routeAnswers('d2');
      await d2().whileDeaf(async () => {
        await world.ask(sport, 300);
      });
      const claimed = (news: readonly News[]) =>
        new Set(
          recordsOf(news)
            .filter((record) => among(sport, 300)(record) && (record.flags & RecordFlag.claimed) !== 0)
            .map(({ clientPort }) => clientPort),
        );
      expect(claimed(await d2().news((news) => claimed(news).size === 300)).size).toBe(300);
      expect((await d2().counts()).claimsLost).toBeGreaterThan(0);
      await world.close(sport, 300, 'reset');
    });

    test('connections of servers that become known later are lost until then', async () => {
      await d1().configure(d1().services.map((service) => ({ ...service, serverIds: [] })));
      const sport = freshPorts(COUNT);
      await world.connect(sport, COUNT, WEB);
      const before = await d1().counts();
      expect(before.foreign).toBeGreaterThan(0);
      await d1().configure(d1().services);
      expect((await d1().news((all) => all.some(({ kind }) => kind === 'lost'))).at(-1)).toEqual({ kind: 'lost' });
      expect(await found(d1(), sport)).toHaveLength(COUNT);
    });
  });
}
