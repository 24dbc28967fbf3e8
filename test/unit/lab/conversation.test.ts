import { expect, test } from 'vitest';
import { BulkConversation, PushConversation, RequestConversation } from '../../../lab/traffic/conversation.ts';
import { CLIENT, Mirror, recordsText } from '../../../lab/traffic/mirror.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const answer = (body: string): Uint8Array => bytes(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
const conversation = (limit?: number): RequestConversation =>
  new RequestConversation({ load: 'request', host: 'vip', pause: 200, ...(limit === undefined ? {} : { limit }) });

test('a request is due at once, then a pause after the one before', () => {
  const flow = conversation();
  expect(flow.turn(1000)).toBe('GET /at/0 HTTP/1.1\r\nHost: vip\r\n\r\n');
  expect(flow.receive(answer('s1 4 1 0\n'), 1005)).toBeUndefined();
  expect(flow.turn(1199)).toBeUndefined();
  expect(flow.turn(1200)).toBe('GET /at/9 HTTP/1.1\r\nHost: vip\r\n\r\n');
});

test('nothing is sent while an answer is due, and the wait is known', () => {
  const flow = conversation();
  flow.turn(1000);
  expect(flow.turn(5000)).toBeUndefined();
  expect(flow.waitingSince).toBe(1000);
});

test('a late answer is followed by one request, not by those that were missed', () => {
  const flow = conversation();
  flow.turn(1000);
  flow.receive(answer('s1 4 1 0\n'), 3000);
  expect(flow.turn(3000)).toBeDefined();
  flow.receive(answer('s1 4 2 9\n'), 3001);
  expect(flow.turn(3001)).toBeUndefined();
});

test('an answer without a question is a complaint', () => {
  const flow = conversation();
  flow.turn(0);
  flow.receive(answer('s1 4 1 0\n'), 1);
  expect(flow.receive(answer('s1 4 2 9\n'), 2)).toBe('an answer that nobody asked for');
});

test('a limited conversation is done after its last answer', () => {
  const flow = conversation(1);
  flow.turn(0);
  flow.receive(answer('s1 4 1 0\n'), 1);
  expect(flow.done).toBe(true);
  expect(flow.turn(500)).toBeUndefined();
});

test('a stream counts only verified bytes and always waits for the next', () => {
  const flow = new PushConversation('vip');
  expect(flow.turn(0)).toMatch(/^GET \/stream /);
  const body = 's2  :0000000000\ns2  :0000000016\n';
  const text = `HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n${body}`;
  expect(flow.receive(bytes(text.slice(0, 30)), 5)).toBeUndefined();
  expect(flow.streamed).toBe(0);
  expect(flow.receive(bytes(text.slice(30, 60)), 9)).toBeUndefined();
  expect(flow.waitingSince).toBe(9);
  expect(flow.receive(bytes(text.slice(60)), 12)).toBeUndefined();
  expect(flow.streamed).toBe(32);
  expect(flow.server).toBe('s2');
});

test('at the end of the stream it is asked for again, and more bytes are a complaint', () => {
  const flow = new PushConversation('vip');
  flow.turn(0);
  flow.receive(bytes('HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\ns2  :0000000000\n'), 1);
  expect(flow.receive(bytes('s2'), 2)).toBe('bytes that nobody asked for');
  expect(flow.turn(3)).toMatch(/^GET \/stream /);
});

test('bulk: a piece every pause, as long as the mirror keeps up', () => {
  const flow = new BulkConversation(190);
  const mirror = new Mirror('s2');
  const mirrored = (text: string | undefined): Uint8Array => {
    const answer = mirror.receive(bytes(text ?? ''));
    return bytes('text' in answer ? answer.text : answer.complaint);
  };
  const first = flow.turn(0);
  expect(first?.slice(0, 32)).toBe('c   :0000000000\nc   :0000000016\n');
  expect(flow.turn(100)).toBeUndefined();
  expect(flow.waitingSince).toBe(0);
  const second = flow.turn(190);
  expect(flow.receive(mirrored(first), 200)).toBeUndefined();
  expect(flow).toMatchObject({ server: 's2', streamed: 8192, waitingSince: 200 });
  expect(flow.receive(mirrored(second), 210)).toBeUndefined();
  expect(flow.waitingSince).toBeUndefined();
});

test('bulk: four pieces without an answer are enough', () => {
  const flow = new BulkConversation(0);
  for (let piece = 0; piece < 4; piece += 1) expect(flow.turn(piece)).toHaveLength(8192);
  expect(flow.turn(4)).toBeUndefined();
});

test.each([
  ['another server', recordsText('s1', 16, 16), 'server "s1  :0000000016" instead of "s2  :0000000016"'],
  ['a lost record', recordsText('s2', 32, 16), 'offset "s2  :0000000032" instead of "s2  :0000000016"'],
])('bulk: %s is a complaint', (_what, text, complaint) => {
  const flow = new BulkConversation(190);
  flow.turn(0);
  expect(flow.receive(bytes(recordsText('s2', 0, 16)), 1)).toBeUndefined();
  expect(flow.receive(bytes(text), 2)).toBe(complaint);
});

test('bulk: more than was sent is a complaint', () => {
  const flow = new BulkConversation(190);
  flow.turn(0);
  expect(flow.receive(bytes(recordsText('s2', 0, 8208)), 1)).toBe('more than was sent');
});

test('a mirror answers whole records only, and complains about bytes that continue nothing', () => {
  const mirror = new Mirror('s2');
  const sent = recordsText(CLIENT, 0, 32);
  expect(mirror.receive(bytes(sent.slice(0, 20)))).toEqual({ text: 's2  :0000000000\n' });
  expect(mirror.receive(bytes(sent.slice(20)))).toEqual({ text: 's2  :0000000016\n' });
  expect(mirror.receive(bytes(recordsText(CLIENT, 48, 16)))).toEqual({
    complaint: 'offset "c   :0000000048" instead of "c   :0000000032"',
  });
});
