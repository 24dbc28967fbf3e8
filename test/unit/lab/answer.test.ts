import { describe, expect, test } from 'vitest';
import { AnswerReader, AtCheck, RecordCheck } from '../../../lab/traffic/answer.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const answer = (body: string): string =>
  `HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const records = (server: string, from: number, to: number): string => {
  let text = '';
  for (let offset = from; offset < to; offset += 16)
    text += `${server.padEnd(4)}:${String(offset).padStart(10, '0')}\n`;
  return text;
};

describe('answers on one connection', () => {
  test('come out whole however the bytes were cut', () => {
    const text = answer('s1 7 1 0\n') + answer('s1 7 2 9\n');
    for (let cut = 1; cut < text.length; cut += 7) {
      const reader = new AnswerReader();
      const first = reader.push(bytes(text.slice(0, cut)));
      const second = reader.push(bytes(text.slice(cut)));
      expect([...first, ...second]).toEqual(['s1 7 1 0\n', 's1 7 2 9\n']);
    }
  });

  test('an error page is a complaint', () => {
    expect(new AnswerReader().push(bytes('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'))).toMatch(/502/);
  });

  test('bytes that are no HTTP answer are a complaint', () => {
    expect(new AnswerReader().push(bytes('s1  :0000000016\r\n\r\n'))).toMatch(/status line/);
  });

  test('a head that never ends is a complaint, not a growing buffer', () => {
    expect(new AnswerReader().push(bytes('x'.repeat(5000)))).toBe('a head without an end');
  });
});

describe('the identity of a connection', () => {
  const next = (body: string, offset: number): string | undefined => {
    const check = new AtCheck();
    expect(check.accept('s1 7 1 0\n', 0)).toBeUndefined();
    return check.accept(body, offset);
  };
  test('continues', () => expect(next('s1 7 2 9\n', 9)).toBeUndefined());
  test('another server is found', () => expect(next('s2 7 2 9\n', 9)).toBe('server s2 after s1'));
  test('another connection of the same server is found', () =>
    expect(next('s1 8 2 9\n', 9)).toBe('connection 8 of s1 after 7'));
  test('a jump of the request count is found', () => expect(next('s1 7 3 9\n', 9)).toMatch(/request count 3/));
  test('an answer to another question is found', () => expect(next('s1 7 2 0\n', 9)).toMatch(/offset 0 instead of 9/));
  test('a body with anything else in it is found', () => expect(next('s1 7 2 9', 9)).toMatch(/body/));
});

describe('a stream of records', () => {
  test('every byte is verified, over carries and however it is cut', () => {
    const text = records('s1', 0, 16 * 7000);
    const check = new RecordCheck();
    for (let at = 0; at < text.length; at += 977) expect(check.accept(bytes(text.slice(at, at + 977)))).toBeUndefined();
    expect(check.offset).toBe(text.length);
    expect(check.server).toBe('s1');
  });

  test('a missing record is found', () => {
    const check = new RecordCheck();
    expect(check.accept(bytes(records('s1', 0, 160) + records('s1', 176, 192)))).toMatch(
      /^offset "s1 {2}:0000000176" instead of "s1 {2}:0000000160"/,
    );
  });

  test('a record of another server is found', () => {
    const check = new RecordCheck();
    expect(check.accept(bytes(records('s1', 0, 32) + records('s2', 32, 48)))).toMatch(/^server "s2/);
  });

  test('a restarted file must come from the same server', () => {
    const check = new RecordCheck();
    check.accept(bytes(records('s1', 0, 32)));
    check.restart();
    expect(check.accept(bytes(records('s2', 0, 16)))).toMatch(/^server/);
  });

  test('one flipped bit anywhere in a record is found', () => {
    const text = bytes(records('s1', 0, 64));
    for (let at = 16; at < 32; at += 1) {
      const broken = Uint8Array.from(text);
      broken[at] = (broken[at] ?? 0) ^ 1;
      expect(new RecordCheck().accept(broken), `byte ${at}`).toBeDefined();
    }
  });
});
