/**
 * What the setup says while it works: a line per step with its duration. Plain lines everywhere; on a terminal, a step
 * that is under way also shows its last line of progress.
 */
export class Stop extends Error {
  /** @param {string} message what is missing and what to do about it @param {number} [code] exit code; 2 = prerequisite */
  constructor(message, code = 2) {
    super(message);
    this.code = code;
  }
}

const live = process.stderr.isTTY === true && process.env.CI === undefined;
const CLEAR_LINE = '\r\x1b[K';
/** Milliseconds after which a step without progress is announced where its line cannot be shown from the start. */
const PATIENCE = 2000;

/**
 * Does one step, shows its progress, and says how long it took or that it failed.
 *
 * @template T
 * @param {string} title
 * @param {(progress: (line: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const started = performance.now();
  const display = live ? overwriting(title) : appending(title);
  const outcome = (text) => display.end(`${text}${((performance.now() - started) / 1000).toFixed(1)} s`);
  try {
    const result = await work(display.progress);
    outcome('');
    return result;
  } catch (cause) {
    outcome('failed after ');
    throw cause;
  }
}

function overwriting(title) {
  const show = (text) => process.stderr.write(CLEAR_LINE + text.slice(0, (process.stderr.columns ?? 80) - 1));
  show(`  ${title} …`);
  return {
    progress: (line) => show(`  ${title}: ${line}`),
    end: (text) => process.stderr.write(`${CLEAR_LINE}  ${title}: ${text}\n`),
  };
}

function appending(title) {
  let announced = false;
  const announce = () => {
    if (!announced) say(`  ${title} …`);
    announced = true;
  };
  const timer = setTimeout(announce, PATIENCE);
  return {
    progress: (line) => {
      announce();
      say(`    ${line}`);
    },
    end: (text) => {
      clearTimeout(timer);
      say(`  ${title}: ${text}`);
    },
  };
}

/** @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`);
}
