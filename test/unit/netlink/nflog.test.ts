import { expect, test } from 'vitest';
import { NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import { decodeLogged, encodeLogBind, encodeLogMode } from '../../../src/core/netlink/nflog.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

// Lengths and types of attributes in the machine's order, the group in network order.
test('bytes: who listens, and that each packet is wanted whole and at once', () => {
  expect(hex(encodeLogBind(7217))).toBe('02001c310500010001000000');
  expect(hex(encodeLogMode(7217))).toBe('02001c310a0002000000ffff020000000800050000000001');
});

test('a packet with its mark and its interface', () => {
  const w = new NetlinkWriter().u8(2).u8(0).u16(0);
  w.attribute(2, () => w.be32(7)).attribute(4, () => w.be32(3));
  w.attribute(9, () => w.bytes(Uint8Array.of(0x45, 1, 2)));
  expect(decodeLogged(w.finish())).toEqual({ bytes: Uint8Array.of(0x45, 1, 2), mark: 7, ifindex: 3 });
});

test('without mark and interface these are 0, and without a packet there is nothing', () => {
  const w = new NetlinkWriter().u8(2).u8(0).u16(0);
  expect(decodeLogged(w.finish())).toBeUndefined();
  w.attribute(9, () => w.bytes(Uint8Array.of(0x45)));
  expect(decodeLogged(w.finish())).toMatchObject({ mark: 0, ifindex: 0 });
});
