/** The other end of `Peer`: answers JSON lines on standard input, each with the result or the error of a method. */
import { createInterface } from 'node:readline';

export type Methods = Readonly<Record<string, (request: Readonly<Record<string, unknown>>) => Promise<unknown>>>;

export function serve(methods: Methods): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const request = JSON.parse(line) as { id: number; method: string };
    const reply = (values: object) => process.stdout.write(`${JSON.stringify({ id: request.id, ...values })}\n`);
    const method = methods[request.method];
    if (method === undefined) {
      reply({ error: `no method ${request.method}` });
      return;
    }
    method(request).then(
      (result) => reply({ result }),
      (error: unknown) => reply({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
  lines.on('close', () => process.exit(0));
}
