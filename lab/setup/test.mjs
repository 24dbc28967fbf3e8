/** `npm test`: every check and every suite at its reduced size, and one closing line with the sum. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hold, LINT, readResults, suite, TYPES, UNUSED } from './checks.mjs';
import { say } from './report.mjs';
import { root } from './run.mjs';

/** Random packets per codec property; `npm run check` uses a small number instead. */
const FUZZ = '100000';
const SLOWEST = 5;
/**
 * So many files that failed are played again, each by itself: they measure real time on a machine that others may keep busy.
 * What fails twice has failed; what held the second time is named in the summary. More than these are no accident.
 */
const PLAYED_AGAIN = 3;

/**
 * Files that wait for other routers' timers most of the time and need next to no processor, in rows that take about as
 * long. What measures milliseconds, or keeps a processor busy, has the machine for itself.
 */
const WAITING = {
  frr: ['test/contract/routing/frr.test.ts', 'test/lab/speaker.test.ts', 'test/lab/interop.test.ts'],
  forms: [
    'test/contract/routing/frr-stub.test.ts',
    'test/contract/routing/frr-areas.test.ts',
    'test/contract/routing/quagga.test.ts',
  ],
  routers: [
    'test/lab/graceful-restart.test.ts',
    'test/lab/authentication.test.ts',
    'test/lab/authentication-rollover.test.ts',
    'test/lab/adjacency.test.ts',
    'test/lab/mixed-lan.test.ts',
  ],
};

/** @returns {Promise<number>} exit code: 0 when everything held */
export async function runTests() {
  const env = { SLUICE_FUZZ: FUZZ };
  const pure = suite('pure', { env });
  const lab = suite('lab', { env, files: filesWithRoot() });
  const frr = suite('lab', { env, name: 'frr', files: WAITING.frr });
  const forms = suite('lab', { env, name: 'forms', files: WAITING.forms });
  const routers = suite('lab', { env, name: 'routers', files: WAITING.routers });
  const nft = suite('nft', { env });
  const withRoot = [lab, frr, forms, routers, nft];
  // Yesterday's report must not be counted when today's run breaks off.
  for (const { results } of [pure, ...withRoot]) rmSync(results, { force: true });
  const started = performance.now();
  const before = await inTurn([LINT, TYPES, pure, UNUSED, lab]);
  const beside = await Promise.all([inTurn([frr, nft]), inTurn([forms]), inTurn([routers])]);
  const files = [pure, ...withRoot].flatMap((of) => readResults(of.results).map((file) => ({ ...file, of })));
  // A check without tests, or a suite that went wrong outside of its tests.
  const broken = [...before, ...beside.flat()].filter(({ held, name }) => {
    return !held && !files.some(({ of, failed }) => of.name === name && failed > 0);
  });
  await playAgain(files.filter(({ of, failed }) => of !== pure && failed > 0));
  return conclude(files, broken, (performance.now() - started) / 1000);
}

/** Plays files that failed once more, where they are few: their second result counts, and `again` is set. */
async function playAgain(failed) {
  if (failed.length > PLAYED_AGAIN) return;
  for (const file of failed) {
    // A suite that left no report.
    if (!file.name.endsWith('.test.ts')) continue;
    say(`\nFailed, and played again by itself: ${file.name}`);
    const again = suite(file.of.project, { env: file.of.env, name: `${file.of.project}-again`, files: [file.name] });
    rmSync(again.results, { force: true });
    await hold(again);
    Object.assign(file, readResults(again.results)[0], { again: true });
  }
}

/** Every file of the project `lab` that has the machine for itself. */
function filesWithRoot() {
  const all = ['test/contract', 'test/lab'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((file) => `${folder}/${file}`),
  );
  const others = Object.values(WAITING).flat();
  return all.filter((file) => file.endsWith('.test.ts') && !others.includes(file));
}

async function inTurn(checks) {
  const outcomes = [];
  for (const check of checks) outcomes.push(await hold(check));
  return outcomes;
}

function conclude(files, broken, seconds) {
  const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  say('\nSlowest files:');
  for (const one of slowest) say(`  ${one.seconds.toFixed(1).padStart(7)} s  ${one.name}`);
  const recovered = files.filter(({ again, failed }) => again && failed === 0);
  for (const { name } of recovered) say(`Failed once, held when played again by itself: ${name}`);
  const sum = (key) => files.reduce((total, file) => total + file[key], 0);
  const names = [...broken, ...files.filter(({ failed }) => failed > 0)].map(({ name }) => name);
  say(`Took ${seconds.toFixed(0)} s.${names.length > 0 ? ` FAILED: ${names.join(', ')}.` : ''}`);
  // A broken check is no test, and yet the line must not claim that nothing failed.
  const failures = sum('failed') + broken.length;
  const skipped = sum('skipped');
  console.log(`${sum('passed')} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failures === 0 ? 0 : 1;
}
