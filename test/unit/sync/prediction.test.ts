import { describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowPredictor } from '../../../src/core/hash/flow-prediction.ts';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import { Predictor } from '../../../src/core/sync/chance/prediction.ts';
import { Op, RecordFlag, readRecord } from '../../../src/core/sync/records/record.ts';
import { service, THREE } from '../dataplane/model.ts';
import {
  Chance,
  ESTABLISHED_SECONDS,
  FULLNAT,
  LIPS,
  NAT,
  packet,
  plane,
  predictionBase,
  SELF,
  syncService,
} from './second-chance-bench.ts';

const NOW = 1_000_000;
const DEAD = [{ name: 'd3', since: NOW - 1000 }];

function predict(wanted: DesiredService, dead = DEAD, remembered?: number) {
  const predictor = new Predictor(predictionBase(wanted, dead), () => remembered);
  return predictor.predict(syncService(wanted), packet(), NOW);
}

describe('what a dead director had made of a connection', () => {
  test('with FullNAT: its server, its local address and port, as it computed them while it lived', () => {
    const living = flowPredictor({ ...plane(FULLNAT), self: 'd3' }, FULLNAT);
    const predictor = new Predictor(predictionBase(FULLNAT, DEAD), () => undefined);
    for (let sport = 32768; sport < 33768; sport++) {
      const flow = living(packet().source, sport);
      expect(flow.source?.address).toBe(ipv4(LIPS.d3));
      expect(predictor.predict(syncService(FULLNAT), packet({ sport }), NOW)).toMatchObject({
        server: flow.server?.address,
        local: flow.source?.address,
        localPort: flow.source?.port,
      });
    }
  });

  test('with NAT: its server, and the client itself', () => {
    const { server } = flowPredictor(plane(NAT), NAT)(packet().source, 40000);
    const { source, sport } = packet();
    expect(predict(NAT)).toMatchObject({ server: server?.address, local: source, localPort: sport, serverPort: 80 });
  });

  test('a connection of ours, established, not assured, for ten seconds', () => {
    expect(predict(NAT)).toMatchObject({
      ...{
        op: Op.put,
        state: 3,
        flags: RecordFlag.predicted,
        owner: SELF,
        epoch: 1,
        timeout: 10,
        windowScale: 0xff,
        birth: 0,
      },
    });
  });

  test('the server that was remembered for the client goes before the hash, if it is still one', () => {
    const persistent: DesiredService = { ...NAT, persistence: 600_000 };
    for (const { address } of THREE)
      expect(predict(persistent, DEAD, ipv4(address))).toMatchObject({ server: ipv4(address) });
    expect(predict(persistent, DEAD, ipv4('10.2.0.99'))).toEqual(predict(persistent));
    expect(predict(NAT, DEAD, ipv4('10.2.0.99'))).toEqual(predict(NAT));
  });

  test.each([
    ['nobody is dead', FULLNAT, [], 'nobody-dead'],
    [
      'it has been dead for as long as a connection lasts',
      FULLNAT,
      [{ name: 'd3', since: NOW - ESTABLISHED_SECONDS * 1000 }],
      'nobody-dead',
    ],
    ['two are dead', FULLNAT, [...DEAD, { name: 'd2', since: NOW }], 'several-dead'],
    ['connections take turns', service('web', THREE, { scheduler: { name: 'rr' } }), DEAD, 'by-turns'],
    [
      'there was no server',
      service(
        'web',
        THREE.map((server) => ({ ...server, state: 'drained' as const })),
      ),
      DEAD,
      'no-server',
    ],
    ['it had no port block', FULLNAT, [{ name: 'd9', since: NOW }], 'no-block'],
  ])('nothing, where %s', (_name, wanted, dead, reason) => {
    expect(predict(wanted, dead)).toBe(reason);
  });

  test('one that has been dead for long does not count beside one that has not', () => {
    const longDead = { name: 'd2', since: NOW - 2 * ESTABLISHED_SECONDS * 1000 };
    expect(predict(FULLNAT, [longDead, ...DEAD])).toMatchObject({ flags: RecordFlag.predicted });
  });
});

describe('a predicted connection', () => {
  /** One whose packet has gone to the server that was computed. */
  function begun(): { readonly chance: Chance; readonly predicted: Uint8Array } {
    const chance = new Chance(FULLNAT, DEAD);
    chance.packet({ name: 'first' });
    const [apply] = chance.give({ kind: 'answered', id: 1, record: undefined, silent: 0 });
    if (apply?.kind !== 'apply') throw new Error(`not applied but ${apply?.kind}`);
    const effects = chance.give({ kind: 'applied', id: 1, outcome: 'taken' });
    expect(effects).toMatchObject([{ kind: 'reinject', packets: [{ name: 'first' }] }]);
    return { chance, predicted: apply.records };
  }
  const told = (predicted: Uint8Array, more: object) => {
    const bytes = predicted.slice();
    const { op, flags } = { ...readRecord(predicted, 0), ...more };
    bytes[13] = op;
    bytes[15] = flags;
    return bytes;
  };
  const values = (records: Uint8Array | undefined, at = 0) => readRecord(records!, at);

  test('is kept from others until its server has answered and was answered', () => {
    const { chance, predicted } = begun();
    const claim = told(predicted, { flags: RecordFlag.claimed });
    expect(chance.give({ kind: 'kernel', records: claim })).toEqual([]);
    expect(chance.machine.holds(claim, 0)).toBe(true);
    const assured = told(predicted, { flags: RecordFlag.assured | RecordFlag.seenReply });
    expect(chance.give({ kind: 'kernel', records: assured })).toEqual([]);
    expect(chance.machine.holds(assured, 0)).toBe(false);
    expect(chance.machine.counts().predictions).toMatchObject({ predicted: 1, confirmed: 1 });
    expect(chance.machine.deadline).toBeUndefined();
  });

  test("is gone with the kernel's entry, which a RST has ended", () => {
    const { chance, predicted } = begun();
    chance.give({ kind: 'kernel', records: told(predicted, { op: Op.delete, flags: 0 }) });
    expect(chance.machine.counts().predictions).toMatchObject({ confirmed: 0, refuted: 1 });
    expect(chance.machine.waiting.predictions).toBe(0);
  });

  test("is confirmed where another director has got its server's answer", () => {
    const { chance, predicted } = begun();
    const [change, tell] = chance.give({ kind: 'served', record: predicted });
    expect([change?.kind, tell?.kind]).toEqual(['change', 'tell']);
    if (change?.kind !== 'change' || tell?.kind !== 'tell') return;
    expect(tell.records).toEqual(change.records);
    expect(values(change.records)).toMatchObject({ op: Op.put, flags: 3, timeout: ESTABLISHED_SECONDS });
    expect(chance.machine.holds(predicted, 0)).toBe(false);
  });

  test('is asked after when its time is over, and stays if an answer was seen', () => {
    const { chance, predicted } = begun();
    const since = chance.now;
    expect(chance.wait()).toEqual([{ kind: 'lookUp', record: predicted }]);
    expect(chance.now - since).toBe(10_000);
    const found = told(predicted, { flags: RecordFlag.seenReply });
    const effects = chance.give({ kind: 'looked', record: predicted, found });
    expect(effects.map(({ kind }) => kind)).toEqual(['change', 'tell']);
  });

  test('else it is removed, whoever carries it meanwhile', () => {
    const { chance, predicted } = begun();
    chance.wait();
    const [change] = chance.give({ kind: 'looked', record: predicted, found: told(predicted, { flags: 0 }) });
    const records = change?.kind === 'change' ? change.records : undefined;
    expect(values(records)).toMatchObject({ op: Op.put, flags: RecordFlag.demote });
    expect(values(records, 48)).toMatchObject({ op: Op.delete });
    expect(chance.machine.counts().predictions).toMatchObject({ expired: 1 });
  });

  test('is removed as well if the kernel does not say how it stands', () => {
    const { chance } = begun();
    chance.wait();
    expect(chance.wait().map(({ kind }) => kind)).toEqual(['change']);
    expect(chance.machine.waiting.predictions).toBe(0);
  });

  test('whose tuple is in use is tried at the next ports, as the kernel would have, and then goes nowhere', () => {
    const chance = new Chance(FULLNAT, DEAD);
    // 1,024 ports that begin at a multiple of it: the last but one is followed by the last, and that by the first.
    chance.packet({ sport: 40_958 });
    const tried: number[] = [];
    let effects = chance.give({ kind: 'answered', id: 1, record: undefined, silent: 0 });
    while (effects[0]?.kind === 'apply') {
      tried.push(readRecord(effects[0].records, 0).localPort);
      effects = chance.give({ kind: 'applied', id: 1, outcome: 'in-use' });
    }
    const low = tried[0]! - 1022;
    expect(low % 1024).toBe(0);
    expect(tried).toEqual([low + 1022, low + 1023, low, low + 1]);
    expect(chance.dropped).toEqual({ refused: 1 });
    expect(chance.machine.counts().predictions).toMatchObject({ predicted: 1, refused: 1 });
    expect(chance.machine.deadline).toBeUndefined();
  });

  test('that the kernel takes at the next port is the one that waits for its server', () => {
    const chance = new Chance(FULLNAT, DEAD);
    chance.packet();
    chance.give({ kind: 'answered', id: 1, record: undefined, silent: 0 });
    const [apply] = chance.give({ kind: 'applied', id: 1, outcome: 'in-use' });
    expect(chance.give({ kind: 'applied', id: 1, outcome: 'taken' })).toMatchObject([{ kind: 'reinject' }]);
    expect(chance.wait()).toEqual([{ kind: 'lookUp', record: apply?.kind === 'apply' && apply.records }]);
  });

  test('that the kernel refuses for another reason goes nowhere at once', () => {
    const chance = new Chance(FULLNAT, DEAD);
    chance.packet();
    chance.give({ kind: 'answered', id: 1, record: undefined, silent: 0 });
    expect(chance.give({ kind: 'applied', id: 1, outcome: 'refused' })).toEqual([]);
    expect(chance.dropped).toEqual({ refused: 1 });
    expect(chance.machine.deadline).toBeUndefined();
  });

  test('is one of ten thousand at most', () => {
    const chance = new Chance(FULLNAT, DEAD);
    const flow = (i: number) => ({ from: formatIpv4(ipv4('10.0.0.0') + (i >> 4)), sport: 1000 + (i & 15) });
    for (let i = 0; i < 10_003; i++) {
      chance.now += 0.1;
      chance.packet(flow(i));
      chance.give({ kind: 'answered', id: i + 1, record: undefined, silent: 0 });
      chance.give({ kind: 'applied', id: i + 1, outcome: 'taken' });
    }
    expect(chance.machine.waiting.predictions).toBe(10_000);
    expect(chance.dropped).toEqual({ predictions: 3 });
  });

  test('many whose time is over at once are asked after in turns', () => {
    const chance = new Chance(FULLNAT, DEAD);
    for (let i = 0; i < 600; i++) {
      chance.packet({ from: formatIpv4(ipv4('10.0.0.0') + i) });
      chance.give({ kind: 'answered', id: i + 1, record: undefined, silent: 0 });
      chance.give({ kind: 'applied', id: i + 1, outcome: 'taken' });
    }
    expect([chance.wait().length, chance.wait().length, chance.wait().length]).toEqual([256, 256, 88]);
  });
});
