/** One entry of a map of clients, as bytes. The answer is what a 6.18 kernel (little-endian) sent. */
import { expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { decodeClientEntry, encodeClientRequest } from '../../../src/core/dataplane/explain/client-entry.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const REQUEST =
  '020000000e000100736c756963655f763100000010000200636c69656e74735f7765620014000300100001000c00010008000100c6336407';
/** Of `198.51.100.7 timeout 600s : 0x40000003`. */
const ANSWER =
  '0200000e0e000100736c756963655f763100000010000200636c69656e74735f7765620038000300340001000c00010008000100c63364070c00020008000100030000400c00040000000000000927c00c0005000000000000092684';

test('an entry is asked for by the client’s address', () => {
  expect(hex(encodeClientRequest('sluice_v1', 'clients_web', ipv4('198.51.100.7')))).toBe(REQUEST);
});

test('the answer is the server’s id without flags, and the time that is left', () => {
  expect(decodeClientEntry(bytes(ANSWER))).toEqual({ serverId: 3, expiresIn: 599_684 });
});

test('an answer without an entry, or cut short anywhere, is refused and nothing worse', () => {
  expect(() => decodeClientEntry(bytes(REQUEST))).toThrow(DecodeError);
  const whole = bytes(ANSWER);
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeClientEntry(whole.slice(0, length)), String(length)).toThrow(DecodeError);
  }
});
