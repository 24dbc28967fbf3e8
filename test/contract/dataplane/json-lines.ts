/** The other end of `Peer`: answers JSON lines on standard input, each with the result or the error of a method. */
import { createInterface } from 'node:readline';

export type Methods = Readonly<Record<string, (request: Readonly<Record<string, unknown>>) => Promise<unknown>>>;

/** The line that a request is answered by. */
export async function answerLine(methods: Methods, line: string): Promise<string> {
  const request = JSON.parse(line) as { id: number; method: string };
  const reply = (values: object) => `${JSON.stringify({ id: request.id, ...values })}\n`;
  const method = methods[request.method];
  if (method === undefined) return reply({ error: `no method ${request.method}` });
  try {
    return reply({ result: await method(request) });
  } catch (error) {
    return reply({ error: error instanceof Error ? error.message : String(error) });
  }
}

export function serve(methods: Methods): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    void answerLine(methods, line).then((answer) => process.stdout.write(answer));
  });
  lines.on('close', () => process.exit(0));
}
