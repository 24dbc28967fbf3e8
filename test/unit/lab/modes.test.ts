import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MODES } from '../../../lab/modes/modes.ts';
import { type ModeOutcome, modeClaims, modesTable } from '../../../lab/modes/play-modes.ts';
import { completeClaim, seenAsClaim, weightClaims } from '../../../lab/modes/questions.ts';
import { claimEqual, readSamples } from '../../../lab/report/result.ts';
import type { AskOutcome } from '../../../lab/traffic/ask-main.ts';

const answers = (server: string, count: number): AskOutcome[] =>
  Array.from({ length: count }, () => ({ server, seenAs: '10.8.0.1', complete: true }));

test('servers by weight: within four standard deviations of the binomial distribution, and not beyond', () => {
  const met = (s1: number) =>
    weightClaims({ s1: 1, s2: 3 }, [...answers('s1', s1), ...answers('s2', 400 - s1)]).map((claim) => claim.met);
  expect(met(100)).toEqual([true, true]);
  // The standard deviation is 8.7.
  expect(met(134)).toEqual([true, true]);
  expect(met(136)).toEqual([false, false]);
  expect(met(0)).toEqual([false, false]);
});

test('connections that are not complete are named by what went wrong', () => {
  const outcomes: AskOutcome[] = [...answers('s1', 2), { complete: false, fault: 'ECONNRESET' }];
  expect(completeClaim('complete', outcomes)).toEqual({
    name: 'complete (ECONNRESET)',
    value: 2,
    unit: '',
    goal: '3',
    met: false,
  });
  expect(seenAsClaim(['10.8.0.1'], outcomes).met).toBe(true);
  expect(seenAsClaim(['10.8.0.1', '10.8.0.2'], outcomes).met).toBe(false);
});

const HELD: ModeOutcome = { mode: 'nat', held: true, seconds: 2, claims: [claimEqual('complete', 4, 4)] };
const BROKEN: ModeOutcome = { mode: 'dr', held: false, seconds: 1, claims: [], fault: 'no route' };

test('claims carry their mode’s name; a mode that could not be played is a claim not met, and so is nothing at all', () => {
  expect(modeClaims([HELD, BROKEN]).map(({ name, met }) => `${name}: ${met}`)).toEqual([
    'nat: complete: true',
    'dr: played: false',
  ]);
  expect(modeClaims([]).map(({ met }) => met)).toEqual([false]);
  expect(modesTable(MODES, [HELD, BROKEN]).filter((line) => line.includes('FAILED')).length).toBe(1);
});

test('what an earlier run has left is read back; no file is nothing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const file = join(dir, 'modes.json');
  expect(readSamples(file)).toBeUndefined();
  writeFileSync(file, JSON.stringify({ bench: 'nft-modes', claims: [], samples: [HELD] }));
  expect(readSamples(file)).toEqual([HELD]);
  rmSync(dir, { recursive: true });
});

test('every mode has a name of its own', () => {
  expect(new Set(MODES.map(({ name }) => name)).size).toBe(MODES.length);
});
