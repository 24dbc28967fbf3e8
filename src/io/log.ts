/** The log: JSON lines on standard output by pino, one line per event, with the event's stable name as `event`. */
import { pino } from 'pino';

export interface Log {
  write(level: 'info' | 'warn', event: string, values: Readonly<Record<string, unknown>>): void;
  /** Writes what is still buffered, in order, unless nobody reads it for a second; call it last. */
  close(): Promise<void>;
}

const CLOSE_WITHIN = 1000;

/** `bindings` are in every line. The writes are asynchronous: a reader that stalls does not stall the agent. */
export function openLog(bindings: Readonly<Record<string, unknown>>): Log {
  const destination = pino.destination({ dest: 1, sync: false });
  destination.on('error', () => {});
  const formatters = { level: (level: string) => ({ level }) };
  const { isoTime } = pino.stdTimeFunctions;
  const logger = pino({ base: bindings, timestamp: isoTime, messageKey: 'event', formatters }, destination);
  return {
    write: (level, event, values) => logger[level](values, event),
    close: () => end(destination),
  };
}

/** Not `flushSync`: it would overtake a write that is under way. */
function end(destination: ReturnType<typeof pino.destination>): Promise<void> {
  return new Promise((resolve) => {
    const enough = setTimeout(resolve, CLOSE_WITHIN);
    destination.once('close', () => {
      clearTimeout(enough);
      resolve();
    });
    destination.end();
  });
}
