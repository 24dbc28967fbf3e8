import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatFault } from '../../../src/core/base/fault.ts';
import { parseKeyFile } from '../../../src/core/config/key-file.ts';
import type { Algorithm, KeyRing } from '../../../src/core/model/keys.ts';

function ring(text: string, algorithm: Algorithm = 'md5'): KeyRing {
  const parsed = parseKeyFile(text, algorithm);
  if ('faults' in parsed) throw new Error(faultsOf(text, algorithm).join('\n'));
  return parsed.keys;
}

function faultsOf(text: string, algorithm: Algorithm = 'md5'): string[] {
  const parsed = parseKeyFile(text, algorithm);
  return 'faults' in parsed ? parsed.faults.map((fault) => formatFault('k', fault)) : [];
}

const secretsOf = (keys: KeyRing) => keys.map(({ secret }) => String.fromCharCode(...secret.reveal()));

test('ids and secrets, as text, in quotes and as hexadecimal; comments and empty lines', () => {
  const keys = ring(
    '# ospf\n\n1 s3cret\n  7\t"two words \\" \\\\ #" # rollover\n255 hex:00fF\n9 # none\n'.replace('9 #', '9 x #'),
  );
  expect(keys.map(({ id }) => id)).toEqual([1, 7, 255, 9]);
  expect(secretsOf(keys)).toEqual(['s3cret', 'two words " \\ #', '\x00\xff', 'x']);
  expect(secretsOf(ring('1 "hex:00"'))).toEqual(['hex:00']);
  expect(secretsOf(ring('1 a#b\r\n'))).toEqual(['a#b']);
});

test('without a word a key is sent and accepted always, by the algorithm of the interface', () => {
  const always = { from: -Infinity, until: Infinity };
  expect(ring('1 a', 'hmac-sha-256')).toMatchObject([{ algorithm: 'hmac-sha-256', send: always, accept: always }]);
});

test('lifetimes, accept-only and an algorithm of the key’s own', () => {
  const [a, b, c] = ring(
    '1 a send=2026-03-01T00:00:00Z/2026-09-01T12:30:59Z accept=2026-02-28T23:59:59Z/\n2 b accept-only accept=/2030-01-01T00:00:00Z\n3 c algorithm=hmac-sha-1\n',
  );
  expect(a).toMatchObject({
    send: { from: Date.UTC(2026, 2, 1), until: Date.UTC(2026, 8, 1, 12, 30, 59) },
    accept: { from: Date.UTC(2026, 1, 28, 23, 59, 59), until: Number.POSITIVE_INFINITY },
  });
  expect(b).toMatchObject({ send: undefined, accept: { until: Date.UTC(2030, 0, 1) } });
  expect(c).toMatchObject({ algorithm: 'hmac-sha-1' });
});

test('times are those of the calendar', () => {
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1, 0, 1) / 1000 + 6e10, max: Date.UTC(9999, 11, 31) / 1000 }), (seconds) => {
      const text = new Date(seconds * 1000).toISOString().replace('.000', '');
      expect(ring(`1 a accept-only accept=${text}/\n2 b`)[0]?.accept.from).toBe(seconds * 1000);
    }),
    { numRuns: 200 },
  );
  for (const day of ['2026-02-29', '2100-02-29', '2026-04-31', '2026-13-01', '2026-00-01', '2026-01-00']) {
    expect(faultsOf(`1 a accept=${day}T00:00:00Z/`)).toHaveLength(1);
  }
  expect(faultsOf('1 a accept=2028-02-29T00:00:00Z/')).toEqual([]);
});

describe('faults', () => {
  test('all of them come at once, each with its place and what to write', () => {
    const text = [
      'x s3cret',
      '2',
      '3 0123456789abcdefg',
      '4 hex:123',
      '5 ok accept_only',
      '6 ok send=2026-03-01/2027-01-01T00:00:00Z',
      '7 ok send=2026-03-02T00:00:00Z/2026-03-01T00:00:00Z',
      '5 again',
      '8 "open',
      '9 ok send=/2026-03-02T00:00:00Z accept=/2026-03-01T00:00:00Z',
      '10 ok algorithm=sha3',
      '11 ok accept-only accept-only',
      '12 schlüssel',
    ].join('\n');
    expect(faultsOf(text)).toMatchInlineSnapshot(`
      [
        "k:1:1: a line begins with the key’s id, a number from 1 to 255",
        "k:2:1: there is no secret behind the id; write: ID SECRET, and options if need be",
        "k:3:3: the secret has 17 bytes; md5 takes 1 to 16",
        "k:4:3: hex: wants an even number of hexadecimal digits, at least two",
        "k:5:6: this is no option; options are accept-only, send=FROM/UNTIL, accept=FROM/UNTIL, algorithm=NAME; a secret with blanks stands in quotes",
        "k:6:6: expected times of RFC 3339 in UTC; write FROM/UNTIL in UTC, such as 2026-03-01T00:00:00Z/2026-09-01T00:00:00Z; either may be left out",
        "k:7:6: it ends before it begins; write FROM/UNTIL in UTC, such as 2026-03-01T00:00:00Z/2026-09-01T00:00:00Z; either may be left out",
        "k:8:1: key 5 stands in line 5 already; ids must differ",
        "k:9:3: quotes that are not closed, or with something behind them",
        "k:10:6: it would be sent with while it is not accepted; begin accept no later and end it no earlier than send",
        "k:11:7: there is no such algorithm; there are simple, md5, hmac-sha-1, hmac-sha-256, hmac-sha-384 or hmac-sha-512",
        "k:12:19: accept-only stands here twice",
        "k:13:4: a secret as text has printable ASCII characters only; write others as hex:DIGITS",
      ]
    `);
  });

  test('a file without a key to send with is refused', () => {
    expect(faultsOf('')).toEqual(['k:1:1: there is no key']);
    expect(faultsOf('# none yet\n')).toEqual(['k:1:1: there is no key']);
    expect(faultsOf('1 a accept-only')).toEqual(['k:1:1: every key is accept-only: there is none to send with']);
  });

  test.each<[Algorithm, number]>([
    ['simple', 8],
    ['md5', 16],
    ['hmac-sha-1', 20],
    ['hmac-sha-256', 32],
    ['hmac-sha-384', 48],
    ['hmac-sha-512', 64],
  ])('%s takes at most %i bytes', (algorithm, most) => {
    expect(faultsOf(`1 ${'k'.repeat(most)}`, algorithm)).toEqual([]);
    expect(faultsOf(`1 ${'k'.repeat(most + 1)}`, algorithm)).toHaveLength(1);
  });

  test('a password and a cryptographic key do not mix', () => {
    expect(faultsOf('1 a algorithm=md5', 'simple')).toHaveLength(1);
    expect(faultsOf('1 a algorithm=simple', 'md5')).toHaveLength(1);
  });
});

test('any text gives keys or faults, and no fault says a word of a secret', () => {
  const word = fc.constantFrom(
    '1',
    '2',
    '300',
    'accept-only',
    'send=',
    'accept=2026-01-01T00:00:00Z/',
    '"',
    '#',
    'hex:0',
  );
  const part = fc.oneof(word, fc.string({ maxLength: 12 }), fc.constant('TOPSECRET'));
  const file = fc
    .array(fc.array(part, { maxLength: 5 }).map((parts) => parts.join(' ')))
    .map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(file, (text) => {
      expect(faultsOf(text).join()).not.toContain('TOPSECRET');
    }),
    { numRuns: 500 },
  );
});

test('keys print without their secrets', () => {
  expect(JSON.stringify(ring('1 s3cret'))).not.toContain('s3cret');
  expect(String(ring('1 s3cret')[0]?.secret)).toBe('(secret)');
});
