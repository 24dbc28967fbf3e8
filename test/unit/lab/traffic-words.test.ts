import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../../lab/traffic/options.ts';
import { LONG_PORTS, PortPool, SHORT_PORTS } from '../../../lab/traffic/ports.ts';
import { parseCommand } from '../../../lab/traffic/protocol.ts';

describe('commands', () => {
  test.each([
    ['{"cmd":"flows"}', { cmd: 'flows' }],
    ['{"cmd":"mark","name":"join","extra":1}', { cmd: 'mark', name: 'join' }],
  ])('%s', (line, expected) => expect(parseCommand(line)).toEqual(expected));

  test.each(['', 'flows', '[]', 'null', '{"cmd":"mark"}', '{"cmd":"mark","name":1}', '{"cmd":"dance"}'])(
    'refuses %s with a reason',
    (line) => expect(parseCommand(line)).toBeTypeOf('string'),
  );
});

describe('options', () => {
  test('have defaults', () => {
    expect(parseOptions(['--target', '203.0.113.10:80', '--source', '10.1.0.2,10.1.0.3'])).toMatchObject({
      target: { address: '203.0.113.10', port: 80 },
      sources: ['10.1.0.2', '10.1.0.3'],
      request: 200,
      patience: 20_000,
    });
  });

  test.each([
    [['--source', '10.1.0.2'], /--target/],
    [['--target', '203.0.113.10:80'], /--source/],
    [['--target', '203.0.113.10:80', '--source', '10.1.0.2', '--push', '-1'], /push/],
    [['--target', '203.0.113.10:80', '--source', '10.1.0.2', '--nonsense'], /nonsense/],
  ])('%j is refused', (argv, reason) => expect(parseOptions(argv)).toMatch(reason));
});

describe('source ports', () => {
  test('no two flows share an address and a port, and long flows keep to their range', () => {
    const pool = new PortPool(['a', 'b', 'c']);
    const long = Array.from({ length: 1000 }, () => pool.take('long'));
    const short = Array.from({ length: 1000 }, () => pool.take('short'));
    const names = new Set([...long, ...short].map((source) => `${source.localAddress}:${source.localPort}`));
    expect(names.size).toBe(2000);
    expect(long.every(({ localPort }) => localPort >= LONG_PORTS.low && localPort <= LONG_PORTS.high)).toBe(true);
    expect(short.every(({ localPort }) => localPort >= SHORT_PORTS.low && localPort <= SHORT_PORTS.high)).toBe(true);
  });
});
