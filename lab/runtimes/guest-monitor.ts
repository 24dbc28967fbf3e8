/** The emulator's own control, in QMP: JSON documents, a line each. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { LabError } from '../lab-error.ts';

const ANSWERS_WITHIN = 10_000;

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/**
 * Has the emulator behind `socket` do one command (e.g. `stop`, `cont`, `set_link`) and returns what it answers. Throws a
 * LabError with its words when it refuses, or when it does not answer.
 */
export function monitorCommand(
  socket: string,
  command: string,
  words: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    const fail = (text: string) => reject(new LabError(`the emulator behind ${socket}: ${command}: ${text}`));
    const requests = [{ execute: 'qmp_capabilities' }, { execute: command, arguments: words }];
    let answers = 0;
    const lines = createInterface({ input: connection });
    lines.on('error', (cause: Error) => fail(cause.message));
    lines.on('line', (line) => {
      const document = JSON.parse(line) as Answer;
      // The greeting, and events.
      if (!('return' in document) && document.error === undefined) return;
      answers += 1;
      if (document.error !== undefined) fail(document.error.desc);
      else if (answers === requests.length) resolve(document.return);
      if (answers === requests.length || document.error !== undefined) connection.destroy();
    });
    connection.setTimeout(ANSWERS_WITHIN, () => connection.destroy());
    connection.on('error', (cause) => fail(cause.message));
    connection.on('close', () => fail('no answer'));
    connection.write(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  });
}
