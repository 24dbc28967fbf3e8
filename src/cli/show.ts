/** The commands that show one document: once, as JSON, or redrawn every second. */
import type { ControlClient, GetAnswer, GetPath } from '../api/client.ts';
import { type CliContext, Exit, pause } from './context.ts';

export interface ShowOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

const REDRAW = 1000;
/** Home, and what remains of the old picture is cleared line by line and below: no flicker. */
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const CLEAR_ALL = '\x1b[2J';

/** `judge` makes the exit code of what was shown once; without it, to have shown it is enough. */
export async function show<P extends GetPath>(
  context: CliContext,
  client: ControlClient,
  path: P | `${P}?${string}`,
  render: (document: GetAnswer<P>) => string,
  options: ShowOptions,
  judge: (document: GetAnswer<P>) => number = () => Exit.done,
): Promise<number> {
  const draw = options.json === true ? asJson : render;
  const get = async () => (await client.get(path)) as GetAnswer<P>;
  if (options.watch !== true) {
    const document = await get();
    context.out(`${draw(document)}\n`);
    return judge(document);
  }
  const redraws = context.terminal && options.json !== true;
  if (redraws) context.out(CLEAR_ALL);
  while (!context.signal.aborted) {
    const text = draw(await get());
    context.out(redraws ? picture(text) : `${text}\n${options.json === true ? '' : '\n'}`);
    await pause(REDRAW, context.signal);
  }
  return Exit.done;
}

function picture(text: string): string {
  const lines = text.split('\n').map((line) => `${line}${CLEAR_LINE}\n`);
  return `${HOME}${lines.join('')}${CLEAR_BELOW}`;
}

export function asJson(document: unknown): string {
  return JSON.stringify(document, null, 2);
}
