/** The client: opens connections from given source ports, asks who answers, and says what became of them. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { serve } from './json-lines.ts';

interface Line {
  readonly socket: Socket;
  /** Set once the connection has ended: the error's code, or `closed`. */
  ended: string | undefined;
  answers: string[];
}

interface Target {
  readonly source: string;
  /** In place of `source`, in turn. */
  readonly sources?: readonly string[];
  readonly vip: string;
  readonly port: number;
  readonly sport: number;
  readonly timeout: number;
  /** What is asked; `?` unless given. */
  readonly word?: string;
}

const lines = new Map<string, Line>();

/** Resolves to the next answer, or to what ended the connection, or to `timeout`. */
function nextAnswer(line: Line, timeout: number): Promise<string> {
  return new Promise((resolve) => {
    const take = () => {
      const result = line.answers.shift() ?? line.ended;
      if (result === undefined) return;
      clearTimeout(timer);
      for (const event of ['data', 'close', 'error']) line.socket.off(event, take);
      resolve(result);
    };
    const timer = setTimeout(() => {
      for (const event of ['data', 'close', 'error']) line.socket.off(event, take);
      resolve('timeout');
    }, timeout);
    for (const event of ['data', 'close', 'error']) line.socket.on(event, take);
    take();
  });
}

function open(key: string, target: Target): Line {
  const socket = connect({
    host: target.vip,
    port: target.port,
    localAddress: target.source,
    localPort: target.sport,
  });
  const line: Line = { socket, ended: undefined, answers: [] };
  socket.on('data', (bytes) => line.answers.push(bytes.toString().trim()));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    line.ended ??= error.code ?? error.message;
  });
  socket.on('close', () => {
    line.ended ??= 'closed';
  });
  lines.set(key, line);
  return line;
}

function datagram(target: Target): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (answer: string) => {
      clearTimeout(timer);
      socket.close(() => resolve(answer));
    };
    const timer = setTimeout(() => end('timeout'), target.timeout);
    socket.on('message', (bytes) => end(bytes.toString()));
    socket.once('error', reject);
    socket.bind(target.sport, target.source, () => {
      // Connected, because only then does the system tell of an ICMP error.
      socket.connect(target.port, target.vip, () => {
        socket.off('error', reject);
        socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
        socket.send(target.word ?? '?');
      });
    });
  });
}

function cast(target: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(target.sport, target.source, () => {
      const text = `${target.word} ${target.source}:${target.sport} ${target.vip}`;
      socket.send(text, target.port, target.vip, (error) => {
        if (error) reject(error);
        else socket.close(resolve);
      });
    });
  });
}

/** At most so many new connections at once: enough to be quick, too few to overrun a backlog. */
const AT_ONCE = 50;

async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(i, i + AT_ONCE).map(work))));
  }
  return results;
}

/** The i-th flow of a request. */
function flowOf(target: Target, i: number): Target {
  const { sources } = target;
  const source = sources === undefined ? target.source : sources[i % sources.length]!;
  return { ...target, source, sport: target.sport + i };
}

const keysOf = (request: Readonly<Record<string, unknown>>) => request['keys'] as string[];

/** Asks for so many bytes on a connection that is open, and resolves to how many came in time. */
function fetchBytes(line: Line, bytes: number, timeout: number): Promise<number> {
  return new Promise((resolve) => {
    let received = 0;
    const end = () => {
      clearTimeout(timer);
      line.socket.off('data', count).off('close', end);
      line.answers = [];
      resolve(received);
    };
    const count = (part: Buffer) => {
      received += part.length;
      if (received >= bytes) end();
    };
    const timer = setTimeout(end, timeout);
    line.socket.on('data', count).on('close', end);
    line.socket.write(`bulk ${bytes}\n`);
  });
}

serve({
  /** Opens `keys` from consecutive source ports and asks each: who answered? */
  open: (request) => {
    const target = request as unknown as Target;
    return each(
      keysOf(request).map((key, i) => [key, flowOf(target, i)] as const),
      ([key, flow]) => {
        const line = open(key, flow);
        line.socket.write(`${target.word ?? '?'}\n`);
        return nextAnswer(line, target.timeout);
      },
    );
  },
  ask: (request) =>
    each(keysOf(request), (key) => {
      const line = lines.get(key)!;
      line.socket.write(request['later'] === true ? 'later\n' : '?\n');
      return request['later'] === true ? Promise.resolve('') : nextAnswer(line, Number(request['timeout']));
    }),
  /** Asks one after another: who answered, and after how many milliseconds? */
  time: async (request) => {
    const timed: (readonly [answer: string, milliseconds: number])[] = [];
    for (const key of keysOf(request)) {
      const line = lines.get(key)!;
      const since = performance.now();
      line.socket.write(`${'.'.repeat(Number(request['bytes'] ?? 1) - 1)}?\n`);
      timed.push([await nextAnswer(line, Number(request['timeout'])), performance.now() - since]);
    }
    return timed;
  },
  /** Fetches `bytes` on each: how many came? */
  fetch: (request) =>
    each(keysOf(request), (key) => fetchBytes(lines.get(key)!, Number(request['bytes']), Number(request['timeout']))),
  /** Waits for an answer without asking. */
  hear: (request) => each(keysOf(request), (key) => nextAnswer(lines.get(key)!, Number(request['timeout']))),
  /** Ends connections by RST, so that source ports are free at once. */
  close: async (request) => {
    for (const key of keysOf(request)) {
      lines.get(key)?.socket.resetAndDestroy();
      lines.delete(key);
    }
  },
  /** Ends connections by FIN and waits until the other side has done so, too. */
  end: (request) =>
    each(keysOf(request), async (key) => {
      const { socket } = lines.get(key)!;
      lines.delete(key);
      await new Promise((resolve) => {
        socket.once('close', resolve);
        socket.end();
      });
    }),
  /** One datagram from each of `count` ports, with `word` and the port, without waiting for anything. */
  cast: (request) => {
    const target = request as unknown as Target;
    const flows = Array.from({ length: Number(request['count']) }, (_, i) => flowOf(target, i));
    return each(flows, cast);
  },
  udp: (request) => {
    const target = request as unknown as Target;
    const flows = Array.from({ length: Number(request['count']) }, (_, i) => flowOf(target, i));
    return each(flows, datagram);
  },
});
