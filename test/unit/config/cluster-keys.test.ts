import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatFault } from '../../../src/core/base/fault.ts';
import { parseClusterKeys, rotateClusterKeys } from '../../../src/core/config/cluster-keys.ts';

const [A, B, C] = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(32)) as [string, string, string];

function faultsOf(text: string): string[] {
  const parsed = parseClusterKeys(text);
  return 'faults' in parsed ? parsed.faults.map((fault) => formatFault('k', fault)) : [];
}

test('ids and secrets in the order of the file; comments and empty lines', () => {
  const parsed = parseClusterKeys(`# head\n\n  1\t${A} accept-only # of spring\n\nnext_2 ${B.toUpperCase()}\r\n`);
  if ('faults' in parsed) throw new Error(faultsOf(A).join());
  const ring = parsed.ring.map(({ id, secret, acceptOnly }) => [id, secret.reveal()[31], secret.length, acceptOnly]);
  expect(ring).toEqual([
    ['1', 0xa1, 32, true],
    ['next_2', 0xb2, 32, false],
  ]);
  expect(JSON.stringify(parsed)).not.toContain('a1a1');
});

test('all faults come at once, each with its place and what to write', () => {
  const text = [
    `a/b ${A}`,
    'one',
    `two ${'ab'.repeat(15)}`,
    `three ${'ab'.repeat(65)}`,
    `four ${'abc'.repeat(11)}`,
    `five ${B} send-only`,
    `six ${C} accept-only accept-only`,
    `five ${'d4'.repeat(32)} accept-only`,
    `seven ${B} accept-only`,
    `eight "${B}`,
    `nine ${'e5'.repeat(32)}`,
    `accept-only ${'f6'.repeat(32)}`,
  ].join('\n');
  expect(faultsOf(text)).toMatchInlineSnapshot(`
    [
      "k:1:1: a line begins with the key’s id: letters, digits, - and _, at most 16",
      "k:2:1: there is no secret behind the id; write: ID HEX, and accept-only if need be",
      "k:3:5: the secret has 15 bytes; it takes 16 to 64; 32 random bytes are enough",
      "k:4:7: the secret has 65 bytes; it takes 16 to 64; 32 random bytes are enough",
      "k:5:6: the secret is an even number of hexadecimal digits; \`sluice keys make\` makes one of 64",
      "k:6:71: this is no option; the only one is accept-only",
      "k:7:82: accept-only stands here twice",
      "k:8:1: key five stands in line 6 already; ids must differ",
      "k:9:7: it is the secret of key five in line 6; every key has its own",
      "k:10:7: quotes that are not closed, or with something behind them",
      "k:11:1: key nine is to open streams with, and so is key five in line 6; mark all but one accept-only",
      "k:12:1: a line begins with the key’s id: letters, digits, - and _, at most 16",
    ]
  `);
});

test.each([
  ['', 'k:1:1: there is no key; `sluice keys make` makes one'],
  [
    `1 ${A} accept-only\n2 ${B} accept-only`,
    'k:2:1: every key is accept-only: there is none to open streams with; exactly one key is not accept-only',
  ],
])('%# a ring to open streams with', (text, fault) => {
  expect(faultsOf(text)).toEqual([fault]);
});

test('any text is a ring or faults, and no fault repeats what may be a part of a secret', () => {
  const word = fc.constantFrom('1', '2', A, B, 'accept-only', '#', '"', ' ', '\n', '\t', 'zz'.repeat(20));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map((words) => words.join(' ')),
      ),
      (text) => {
        for (const fault of faultsOf(text)) {
          expect(fault).not.toMatch(/a1a1|b2b2|zzzz/);
        }
      },
    ),
    { numRuns: 300 },
  );
});

/** The texts of a rotation, step by step. */
function* rotation(text: string): Generator<{ readonly text: string; readonly done: unknown }> {
  for (let now = text; ; ) {
    const next = rotateClusterKeys(now, C);
    if ('faults' in next) throw new Error('faults');
    yield next;
    now = next.text;
  }
}

test('a rotation adds, activates and removes, and leaves all other lines alone', () => {
  const steps = rotation(`# keys of edge-1\n7 ${A}   # since spring\n\n# end`);
  expect(steps.next().value).toEqual({
    text: `# keys of edge-1\n7 ${A}   # since spring\n\n# end\n8 ${C} accept-only\n`,
    done: { step: 'added', id: '8' },
  });
  expect(steps.next().value).toEqual({
    text: `# keys of edge-1\n7 ${A} accept-only\n\n# end\n8 ${C}\n`,
    done: { step: 'activated', id: '8', before: '7' },
  });
  expect(steps.next().value).toEqual({
    text: `# keys of edge-1\n\n# end\n8 ${C}\n`,
    done: { step: 'removed', ids: ['7'] },
  });
});

test('a rotation goes on from whatever ring there is, and ends in one key', () => {
  const places = fc.record({ before: fc.nat(3), after: fc.nat(3) });
  fc.assert(
    fc.property(places, ({ before, after }) => {
      const lines = Array.from({ length: before + 1 + after }, (_, at) => {
        return `k${at} ${(at + 16).toString(16).repeat(32)}${at === before ? '' : ' accept-only'}`;
      });
      let left = 0;
      for (const { text, done } of rotation(lines.join('\n'))) {
        expect(faultsOf(text)).toEqual([]);
        if ((done as { step: string }).step === 'added') break;
        left = text.split('\n').length - 1;
        expect(left).toBeLessThanOrEqual(lines.length);
      }
      expect(left).toBe(before + after === 0 ? 0 : 1);
    }),
    { numRuns: 16 },
  );
});

test('a file with faults is not rotated', () => {
  expect(rotateClusterKeys(`1 ${A} accept-only`, C)).toHaveProperty('faults');
});
