/** A process with nothing to do but to watch its event loop. When its input ends it says, as one JSON line, what it saw. */
import { LoopWatch } from './loop-delays.ts';

const watch = new LoopWatch();
watch.start();
process.stdin.resume().once('end', () => {
  watch.stop();
  process.stdout.write(`${JSON.stringify(watch.delays())}\n`);
});
