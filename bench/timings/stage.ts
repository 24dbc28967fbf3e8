import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than any process needs to start: what follows is waiting for protocol timers. */
const HELD = 1_000;

/**
 * One contender acts at a time. They wait for their routers side by side, each on a link and a router of its own, but
 * while one starts, stops or changes something, and for a second after it, the others keep still.
 */
export class Stage {
  #free: Promise<unknown> = Promise.resolve();

  /** Performs the act when it is its turn; the next one's begins a second after it. */
  act<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#free.then(action);
    this.#free = done.catch(() => undefined).then(() => sleep(HELD));
    return done;
  }
}
