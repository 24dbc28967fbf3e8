/**
 * `node dist/lab/runtimes/guest-exec-main.js RUN-FOLDER NODE PROGRAM …`: runs a program in a node that is a guest, on behalf of
 * a process that wants a child process for it. Standard output and error come once the program has ended; the exit code is
 * the program's.
 */
import { basename, join } from 'node:path';
import { Guest } from './guest.ts';
import { readStates } from './run-state.ts';

/** What this program is told on its command line. */
export type GuestExecArguments = readonly [runFolder: string, node: string, ...argv: string[]];

/** As long as a timer can wait. */
const NO_DEADLINE = 2 ** 31 - 1;

const [dir = '', name = '', ...argv] = process.argv.slice(2);
const state = (await readStates()).find(({ runId }) => runId === basename(dir));
const emulator = state?.guests?.[name];
if (emulator === undefined) throw new Error(`${name} of ${dir} is no guest`);
const guest = Guest.attach(name, { folder: join(dir, name, 'guest'), shared: dir }, emulator);
const { code, stdout, stderr } = await guest.exec(argv, { deadline: NO_DEADLINE });
process.stdout.write(stdout);
process.stderr.write(stderr);
guest.release();
process.exitCode = code;
