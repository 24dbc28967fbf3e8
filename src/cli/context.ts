import type { DoctorDocument } from '../api/documents.ts';
import type { ServerHost } from '../api/realserver.ts';

/** What a command needs from outside, so that tests can run one without a process. */
export interface CliContext {
  /** Writes to standard output, exactly this text. */
  out(text: string): void;
  /** One line to standard error. */
  complain(line: string): void;
  /** Is standard output a terminal that can be redrawn? */
  readonly terminal: boolean;
  /** Ends `--watch` and `--follow`. */
  readonly signal: AbortSignal;
  /** Runs the agent; given by `bin`, because the CLI itself does not import it. Resolves with the exit code. */
  runAgent(options: AgentOptions): Promise<number>;
  /** The folder `frr-templates/` of the installed program, ending in a slash; given by `bin`, which knows where that is. */
  readonly templates: URL;
  /** Looks at this host; given by `bin` as well. `stateDir`: where agents have their folders. */
  examineHost(stateDir: string): Promise<DoctorDocument>;
  /** This host as a real server; given by `bin` as well. */
  serverHost(): ServerHost;
}

export interface AgentOptions {
  readonly config: string;
  readonly name: string | undefined;
  readonly runDir: string;
  readonly stateDir: string;
}

/** Exit codes, the same for every command. */
export const Exit = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** Sleeps; ends early, without an error, when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
