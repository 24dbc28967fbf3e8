/** A process that does nothing but watch its event loop, beside agents that have much to do. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EventLoopDocument } from '../src/api/documents.ts';

const MAIN = fileURLToPath(new URL('./idle-main.js', import.meta.url));

/** Starts it; the returned function ends it and says how late its loop was. */
export function idleProcess(): () => Promise<EventLoopDocument> {
  const child = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return async () => {
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
    return JSON.parse(said) as EventLoopDocument;
  };
}
