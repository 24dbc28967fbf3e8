/**
 * `npm run check`: lint, types and the pure tests, in under 15 s on two cores. Needs `npm ci` and nothing else.
 *
 * Lint and types go beside the tests, which cannot use both cores while they start; what they find is printed last.
 */
import { hold, holdAside, LINT, suite, TYPES } from './checks.mjs';
import { say } from './report.mjs';

async function aside() {
  return [await holdAside(LINT), await holdAside(TYPES)];
}

const started = performance.now();
const [found, tests] = await Promise.all([aside(), hold(suite('pure'))]);
for (const { name, held, output } of found) if (!held) say(`\n> ${name}\n${output}FAILED: ${name}`);
const outcomes = [...found, tests];
const broken = outcomes.filter(({ held }) => !held).map(({ name }) => name);
const each = outcomes.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)} s`);
say(`\n${each.join(', ')}; ${((performance.now() - started) / 1000).toFixed(1)} s in all`);
if (broken.length > 0) say(`FAILED: ${broken.join(', ')}`);
process.exitCode = broken.length > 0 ? 1 : 0;
