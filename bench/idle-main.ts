/** A process that does nothing but watch its event loop as the agent does; prints the histogram at SIGTERM. */
import { watchEventLoop } from '../src/io/event-loop.ts';

const watch = watchEventLoop();
const keepAlive = setInterval(() => undefined, 60_000);
process.on('SIGTERM', () => {
  clearInterval(keepAlive);
  process.stdout.write(`${JSON.stringify(watch.delay())}\n`);
});
