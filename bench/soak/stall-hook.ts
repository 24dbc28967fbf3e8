/**
 * Loaded into an agent before it starts (`node --import`): of each second, its main thread is busy with something else for
 * 200 ms, as by a collection of garbage or a computation that nobody cut into slices.
 */
const EVERY = 1000;
const STALL = 200;

setInterval(() => {
  const end = performance.now() + STALL;
  while (performance.now() < end);
}, EVERY).unref();
