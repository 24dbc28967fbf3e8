/** `npm test`: every check and every suite at its reduced size, and one closing line with the sum. */
import { rmSync } from 'node:fs';
import { hold, LINT, readResults, suite, TYPES, UNUSED } from './checks.mjs';
import { say } from './report.mjs';

/** Random packets per codec property; `npm run check` uses a small number instead. */
const FUZZ = '100000';
const SLOWEST = 5;

/** @returns {Promise<number>} exit code: 0 when everything held */
export async function runTests() {
  const suites = ['pure', 'lab', 'nft', 'frr'].map((project) => suite(project, { SLUICE_FUZZ: FUZZ }));
  // Yesterday's report must not be counted when today's run breaks off.
  for (const { results } of suites) rmSync(results, { force: true });
  const [pure, lab, nft, frr] = suites;
  const started = performance.now();
  const before = await inTurn([LINT, TYPES, pure, UNUSED, lab]);
  // Neither measures time, and one of them mostly waits.
  const beside = await Promise.all([hold(nft), hold(frr)]);
  return conclude([...before, ...beside], suites, (performance.now() - started) / 1000);
}

async function inTurn(checks) {
  const outcomes = [];
  for (const check of checks) outcomes.push(await hold(check));
  return outcomes;
}

function conclude(outcomes, suites, seconds) {
  const results = suites.map(({ results: path }) => readResults(path));
  const files = results.flatMap((one) => one.files).sort((a, b) => b.seconds - a.seconds);
  say('\nSlowest files:');
  for (const { name, seconds } of files.slice(0, SLOWEST)) say(`  ${seconds.toFixed(1).padStart(7)} s  ${name}`);
  const broken = outcomes.filter(({ held }) => !held).map(({ name }) => name);
  say(`Took ${seconds.toFixed(0)} s.${broken.length > 0 ? ` FAILED: ${broken.join(', ')}.` : ''}`);
  const passed = results.reduce((sum, one) => sum + one.passed, 0);
  const failed = results.reduce((sum, one) => sum + one.failed, 0);
  // A broken check is no test, and yet the line must not claim that nothing failed.
  const failures = failed === 0 ? broken.length : failed;
  const skipped = results.reduce((sum, one) => sum + one.skipped, 0);
  console.log(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failures === 0 ? 0 : 1;
}
