import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { toEnd } from '../../../src/core/base/steps.ts';
import {
  decodeGeneration,
  decodeTableName,
  encodeElementsDump,
  encodeGenerationRequest,
  nextGeneration,
} from '../../../src/core/dataplane/nft/messages.ts';
import { elementLayout, elementSteps, readStructure } from '../../../src/core/dataplane/nft/read-back.ts';
import { type DumpName, payloads } from './nftables-dump.ts';

function structure(table: string) {
  return readStructure(table, {
    chains: payloads('chains'),
    rules: payloads('rules'),
    sets: payloads('sets'),
    objects: payloads('objects'),
  });
}

function elements(dump: DumpName, set: string) {
  const layout = elementLayout(set);
  if (layout === undefined) throw new Error(`${set} has no layout`);
  return toEnd(elementSteps(payloads(dump), layout));
}

describe('reading back what a kernel answered', () => {
  test('chains, rules by comment and shape, sets without those of rules, counters', () => {
    const table = structure('sluice_v1');
    expect(table.chains.get('prerouting')).toEqual({
      base: { type: 'nat', hook: 'prerouting', priority: -100 },
      stamps: [],
      shapes: [],
    });
    const chain = table.chains.get('service_web');
    expect(chain?.base).toBeUndefined();
    expect(chain?.stamps).toEqual(['sluice 12345678', '']);
    expect(new Set(chain?.shapes).size).toBe(2);
    expect(table.sets).toEqual([
      { name: 'services', kind: 'map', comment: '', anonymous: false },
      { name: 'traffic_in', kind: 'set', comment: 'sluice 89abcdef', anonymous: false },
      { name: 'slots_web', kind: 'map', comment: '', anonymous: false },
      { name: 'servers_web', kind: 'map', comment: '', anonymous: false },
    ]);
    expect([...table.counters]).toEqual([['new_web', { packets: 0, bytes: 0 }]]);
    expect(payloads('tables').map(decodeTableName)).toEqual(['sluice_v1']);
  });

  test("chains of another table's are left out", () => {
    expect([...structure('other').chains]).toEqual([]);
  });

  test('a limit is its element; what counts in another way is not ours', () => {
    expect([...elements('limits', 'limits').elements.keys()].sort()).toEqual([
      '7 ct count over 300',
      '8',
      '9 ct count over 1',
    ]);
  });

  test('elements as the planner writes them; a verdict that is never ours equals nothing', () => {
    expect(elements('services', 'services').elements).toEqual(
      new Map([
        ['10.9.9.1 . udp . 53', 'foreign'],
        ['10.9.9.1 . tcp . 80', 'goto service_web'],
        ['10.9.9.2 . sctp . 9', 'jump service_web'],
      ]),
    );
    expect([...elements('slotsWeb', 'slots_web').elements]).toEqual([
      ['0', '1'],
      ['4098', '65534'],
    ]);
    expect([...elements('serversWeb', 'servers_web').elements]).toEqual([['1', '10.2.0.21']]);
    expect(elements('serversWeb', 'servers_web').tallies.get('1')).toEqual({ packets: 5, bytes: 300 });
  });

  test('ports of an address; a range of addresses is never ours and equals nothing', () => {
    expect(elements('blocks', 'blocks').elements).toEqual(
      new Map([
        ['1008', '10.8.0.2 . 64512-65535'],
        ['7', 'foreign'],
        ['0', '10.8.0.1 . 1024-2047'],
      ]),
    );
  });

  test('ports of an address as a key, whose ends are apart', () => {
    expect([...elements('handOver', 'hand_over').elements]).toEqual([
      ['10.8.0.1 . 1024-3071', '10.4.0.12'],
      ['10.8.0.1 . 64512-65535', '10.4.0.13'],
    ]);
    expect(elements('services', 'hand_over').elements.size).toBe(0);
  });

  test('counters above 32 bits', () => {
    expect(elements('trafficIn', 'traffic_in').tallies.get('1')).toEqual({ packets: 9, bytes: 5_000_000_000 });
  });

  test('a set of another layout under one of our names has no elements', () => {
    expect(elements('services', 'slots_web').elements.size).toBe(0);
    expect(elementLayout('somebody_else')).toBeUndefined();
  });

  test('the generation, and the one after it', () => {
    expect(payloads('generation').map(decodeGeneration)).toEqual([2]);
    expect(nextGeneration(2)).toBe(3);
    expect(nextGeneration(0xffffffff)).toBe(1);
  });

  test('requests', () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    expect(hex(encodeGenerationRequest())).toBe('00000000');
    expect(hex(encodeElementsDump('ab', 'abc'))).toBe('02000000' + '0700010061620000' + '0800020061626300');
  });

  test('bytes changed at random: elements or a DecodeError', () => {
    const [whole] = payloads('serversWeb');
    const anyDamage = fc.array(fc.tuple(fc.nat(whole!.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(anyDamage, fc.nat(whole!.length), (damage, length) => {
        const bytes = Uint8Array.from(whole!);
        for (const [at, value] of damage) bytes[at] = value;
        try {
          toEnd(elementSteps([bytes.subarray(0, length)], { key: 'number', data: 'address' }));
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 500, seed: 11 },
    );
  });
});
