/**
 * OSPFv2 packets and LSAs as hexadecimal, drawn by hand from the layouts of RFC 2328 appendix A. Blanks separate fields or
 * words. Their checksums were computed by another program from the definitions (one's complement sum; the Fletcher sums
 * solved by trying all pairs), not by the code under test.
 */

/** Hexadecimal digits, blanks ignored, to bytes. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** 192.168.170.8, area 0.0.0.1, mask /24, hello 10 s, dead 40 s, DR itself, no neighbors. */
export const drHello = `02 01 002c c0a8aa08 00000001 273b 0000 0000000000000000
  ffffff00 000a 02 01 00000028 c0a8aa08 00000000`;

/** 10.255.0.1 on 10.2.0.0/24, hello 1 s, dead 4 s, DR 10.2.0.1, BDR 10.2.0.2, hears 10.255.0.101 and .102. */
export const lanHello = `02 01 0034 0aff0001 00000000 c6f4 0000 0000000000000000
  ffffff00 0001 02 00 00000004 0a020001 0a020002 0aff0065 0aff0066`;

/** A director's: p2p at max metric with its stub, a VIP at metric 10, transit at max metric with one TOS metric. */
export const routerLsa = `0001 22 01 0aff0001 0aff0001 80000003 6a71 004c
  02 00 0004
  0aff0065 0a010001 01 00 ffff
  0a010000 ffffff00 03 00 000a
  cb00710a ffffffff 03 00 000a
  0a020001 0a02000b 02 01 ffff   00 00 0005`;

/** 10.2.0.0/24, DR 10.2.0.1, three routers. */
export const networkLsa = `000a 02 02 0a020001 0aff0065 80000001 9db5 0024
  ffffff00 0aff0065 0aff0001 0aff0002`;

/** 10.9.0.0/16, metric 20, at MaxAge. */
export const summaryLsa = '0e10 02 03 0a090000 0aff0065 80000002 883d 001c ffff0000 00 000014';

/** ASBR 10.255.0.102, metric 1. */
export const asbrSummaryLsa = '0002 02 04 0aff0066 0aff0065 80000001 2a51 001c 00000000 00 000001';

/** Default route, E2, metric 10, tag 42, at the highest sequence number. */
export const externalLsa = '0003 02 05 00000000 0aff0065 7fffffff 8aa6 0024 00000000 80 00000a 00000000 0000002a';

/** 10.20.0.0/16, E1, metric 20, forwarding address 10.1.0.1. */
export const nssaLsa = '0003 08 07 0a140000 0aff0065 80000001 0c91 0024 ffff0000 00 000014 0a010001 00000000';

/** Router information (opaque type 4): capabilities TLV. */
export const opaqueLsa = '0004 42 0a 04000000 0aff0065 80000001 6ce8 001c 0001 0004 48000000';

/** MTU 1500, I M MS, with one header (RFC 2328 10.8 sends none then; the codec does not mind). */
export const firstDbDescription = `02 02 0034 0aff0001 00000000 01cb 0000 0000000000000000
  05dc 52 07 4a3b2c1d
  0001 22 01 0aff0001 0aff0001 80000003 6a71 004c`;

/** MTU 1500, O-bit, M MS, two headers. */
export const dbDescription = `02 02 0048 0aff0001 00000000 dc6b 0000 0000000000000000
  05dc 42 03 4a3b2c1e
  0001 22 01 0aff0001 0aff0001 80000003 6a71 004c
  000a 02 02 0a020001 0aff0065 80000001 9db5 0024`;

export const lsRequest = `02 03 0030 0aff0001 00000000 d09a 0000 0000000000000000
  00000001 0aff0065 0aff0065
  00000005 00000000 0aff0065`;

export const lsUpdate = `02 04 00b0 0aff0001 00000000 67c5 0000 0000000000000000
  00000003 ${routerLsa} ${networkLsa} ${externalLsa}`;

/** An opaque LSA of link scope whose five bytes of content ("odd!!") make LSA and packet odd in length. */
export const oddOpaqueLsa = '0004 42 09 01000007 0aff0065 80000001 c364 0019 6f64642121';

export const oddLsUpdate = `02 04 0035 0aff0065 00000000 6be4 0000 0000000000000000
  00000001 ${oddOpaqueLsa}`;

export const lsAck = `02 05 0040 0aff0001 00000000 9aa9 0000 0000000000000000
  0001 22 01 0aff0001 0aff0001 80000003 6a71 004c
  000a 02 02 0a020001 0aff0065 80000001 9db5 0024`;
