/** What of /proc/net/ip_vs says that somebody has changed something. The text is Debian 12's kernel's. */
import { expect, test } from 'vitest';
import { IpvsListing } from '../../../src/core/dataplane/ipvs/listing.ts';

const HEAD = [
  'IP Virtual Server version 1.2.1 (size=4096)',
  'Prot LocalAddress:Port Scheduler Flags',
  '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn',
  'TCP  CB000366:0050 mh  ',
];
const TEXT = `${[...HEAD, '  -> 0A0021F3:0050      Masq    1      0          0         '].join('\n')}\n`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text).slice();
const isSame = (a: string, b: string) => new IpvsListing(bytes(a)).isSame(bytes(b));

test('numbers of connections are no change', () => {
  expect(isSame(TEXT, TEXT)).toBe(true);
  expect(isSame(TEXT, TEXT.replace('0          0         ', '4294967295 12345     '))).toBe(true);
});

test.each([
  ['weight', 'Masq    1 ', 'Masq    2 '],
  ['way', 'Masq   ', 'Route  '],
  ['server', '0A0021F3', '0A0021F4'],
  ['service', 'CB000366', 'CB000367'],
  ['scheduler', 'mh  ', 'rr  '],
  ['persistence', 'mh  ', 'mh persistent 600 FFFFFFFF'],
])('another %s is', (_, was, is) => {
  expect(isSame(TEXT, TEXT.replace(was, is))).toBe(false);
});

test('so is a line more or less, and any byte of the first lines, whatever their length is a multiple of', () => {
  expect(isSame(TEXT, `${TEXT}${TEXT.slice(-60)}`)).toBe(false);
  expect(isSame(TEXT, HEAD.join('\n'))).toBe(false);
  for (let length = 1; length < 90; length++) {
    const part = TEXT.slice(0, length);
    expect(isSame(part, part)).toBe(true);
    expect(isSame(part, `${part.slice(0, -1)}#`)).toBe(false);
  }
});
