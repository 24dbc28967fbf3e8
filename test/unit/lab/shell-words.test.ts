import { expect, test } from 'vitest';
import { shellWords } from '../../../lab/runtimes/shell-words.ts';

test.each([
  ['ip addr  add 10.0.0.1/24 dev eth1', ['ip', 'addr', 'add', '10.0.0.1/24', 'dev', 'eth1']],
  [`sh -c 'echo "a  b" > /x'`, ['sh', '-c', 'echo "a  b" > /x']],
  ['a "b \\"c\\" \\n $d" e\\ f', ['a', 'b "c" \\n $d', 'e f']],
  [`pre'mid dle'post ''`, ['premid dlepost', '']],
  ['  ', []],
])('%s', (line, words) => {
  expect(shellWords(line)).toEqual(words);
});

test('an unclosed quote is refused', () => {
  expect(() => shellWords(`sh -c 'oops`)).toThrow(/unclosed quote/);
});
