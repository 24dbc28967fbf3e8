import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { THOROUGH } from '../../sizes.ts';
import { EDGE } from './files.ts';

describe('any text gives a cluster or faults, never an exception', () => {
  /** Faults lie inside the text. */
  function check(text: string): void {
    const parsed = parseCluster(text);
    if (!('faults' in parsed)) return;
    expect(parsed.faults.length).toBeGreaterThan(0);
    const lines = text.split(/\r\n|\r|\n/).length;
    for (const { line, column } of parsed.faults) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines + 1);
      expect(column).toBeGreaterThanOrEqual(1);
    }
  }

  test('random bytes', () => {
    const latin1 = fc.uint8Array({ maxLength: 200 }).map((bytes) => String.fromCharCode(...bytes));
    fc.assert(fc.property(latin1, check), { numRuns: THOROUGH ? 500 : 50 });
  });

  test('random YAML punctuation', () => {
    const marks = [
      '{',
      '}',
      '[',
      ']',
      ':',
      ': ',
      ',',
      '- ',
      '? ',
      '&a ',
      '*a',
      '!!set ',
      '|',
      '>',
      '"',
      "'",
      '#',
      '%',
      '\n',
      '\n  ',
      'a',
      '<<',
      '0',
      '~',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...marks), { maxLength: 40 }).map((list) => list.join('')),
        check,
      ),
      {
        numRuns: THOROUGH ? 500 : 100,
      },
    );
  });

  test('a valid file with pieces replaced', () => {
    const piece = fc.constantFrom(
      '',
      ' ',
      '\n',
      '{',
      ']',
      ': ',
      'null',
      '-1',
      '[]',
      '{}',
      '*x',
      '"',
      '1e999',
      '.nan',
      '__proto__: 1',
      '\u0000',
    );
    const cut = fc.record({ at: fc.nat({ max: EDGE.length }), length: fc.nat({ max: 30 }), piece });
    const mutated = fc
      .array(cut, { minLength: 1, maxLength: 4 })
      .map((cuts) => cuts.reduce((text, c) => text.slice(0, c.at) + c.piece + text.slice(c.at + c.length), EDGE));
    fc.assert(fc.property(mutated, check), { numRuns: THOROUGH ? 500 : 25 });
  });

  test('a valid file with any value in place of one of its own', () => {
    const places = [...EDGE.matchAll(/(?<=: )[^\s{[,}\]]+/g)].map((match) => [match.index, match[0].length] as const);
    const value = fc.oneof(
      fc.json(),
      fc.string().map((text) => JSON.stringify(text)),
      fc.constantFrom('~', '.inf', '0x10', '!!binary aGk='),
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), value, ([at, length], text) => {
        check(EDGE.slice(0, at) + text + EDGE.slice(at + length));
      }),
      { numRuns: THOROUGH ? 500 : 25 },
    );
  });
});
