/** `npm run check`: lint, types and the pure tests, in under 15 s on two cores. Needs `npm ci` and nothing else. */
import { hold, LINT, suite, TYPES } from './checks.mjs';
import { say } from './report.mjs';

const outcomes = [];
for (const check of [LINT, TYPES, suite('pure')]) outcomes.push(await hold(check));
const seconds = outcomes.reduce((sum, outcome) => sum + outcome.seconds, 0);
const broken = outcomes.filter(({ held }) => !held).map(({ name }) => name);
say(
  `\n${outcomes.map((outcome) => `${outcome.name} ${outcome.seconds.toFixed(1)} s`).join(', ')}; ${seconds.toFixed(1)} s`,
);
if (broken.length > 0) say(`FAILED: ${broken.join(', ')}`);
process.exitCode = broken.length > 0 ? 1 : 0;
