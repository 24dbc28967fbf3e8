/**
 * Opens connections and says what became of each: `node dist/lab/traffic/ask-main.js '{"target":"203.0.113.10:80",…}'`.
 *
 * Each connection asks who answers and as whom it is seen (`/who`), then fetches `bytes` bytes; both over one connection.
 * Input: `AskOptions` as JSON. Output: one line, `AskOutcome[]` as JSON. Judging is the caller's.
 */
import { Agent, get } from 'node:http';

export interface AskOptions {
  readonly target: string;
  /** Local addresses, used in turn; none: the system chooses. */
  readonly sources: readonly string[];
  readonly count: number;
  /** Connections at the same time. */
  readonly parallel: number;
  /** Of the second answer; 0 for none. */
  readonly bytes: number;
  /** Milliseconds for an answer. */
  readonly patience: number;
}

export interface AskOutcome {
  /** The server's name, and the client as it saw it; undefined when the first question had no answer. */
  readonly server?: string;
  readonly seenAs?: string;
  /** Every byte of the second answer came. */
  readonly complete: boolean;
  /** What went wrong, if anything: an error's code. */
  readonly fault?: string;
}

function fetchText(url: string, agent: Agent, localAddress: string | undefined, patience: number, range?: string) {
  return new Promise<string>((resolve, reject) => {
    const headers = range === undefined ? {} : { Range: range };
    const options = { agent, headers, ...(localAddress === undefined ? {} : { localAddress }) };
    const request = get(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve(Buffer.concat(parts).toString('latin1')));
      response.on('error', reject);
    });
    request.setTimeout(patience, () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    request.on('error', reject);
  });
}

async function ask(options: AskOptions, index: number): Promise<AskOutcome> {
  const { target, sources, bytes, patience } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const source = sources[index % Math.max(1, sources.length)];
  let seen: Pick<AskOutcome, 'server' | 'seenAs'> = {};
  try {
    const [server = '', seenAs = ''] = (await fetchText(`http://${target}/who`, agent, source, patience))
      .trim()
      .split(' ');
    seen = { server, seenAs };
    if (bytes === 0) return { ...seen, complete: true };
    const range = `bytes=0-${bytes - 1}`;
    const body = await fetchText(`http://${target}/bulk`, agent, source, patience, range);
    return { ...seen, complete: body.length === bytes };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { ...seen, complete: false, fault: code ?? message };
  } finally {
    agent.destroy();
  }
}

async function askAll(options: AskOptions): Promise<AskOutcome[]> {
  const outcomes: AskOutcome[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < options.count; index = next++) outcomes.push(await ask(options, index));
  };
  await Promise.all(Array.from({ length: options.parallel }, worker));
  return outcomes;
}

process.stdout.write(`${JSON.stringify(await askAll(JSON.parse(process.argv[2] ?? '{}') as AskOptions))}\n`);
