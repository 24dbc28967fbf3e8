/**
 * Sends TCP segments that belong to no connection, by JSON lines. They leave this process as packets of protocol 89, the only
 * raw ones that it can send; `makeTcp` has nftables turn them into TCP on their way out, with a longer life.
 */
import { readFileSync } from 'node:fs';
import { createSocket } from 'dgram-ospf';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { exec } from '../../../src/io/exec.ts';
import { serve } from './json-lines.ts';

const ACK = 0x10;
const HEADER_BYTES = 20;

const link = process.argv[2] ?? '';
const socket = createSocket({ ifindex: Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8')) });

/** As RFC 1071 has it, of bytes in even number. */
function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** RFC 9293 3.1: a bare acknowledgement, behind the pseudo-header that its checksum covers. */
function segment(source: string, target: string, sport: number, port: number, payload: number): Uint8Array {
  const length = HEADER_BYTES + payload;
  const bytes = new Uint8Array(12 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ipv4(source));
  view.setUint32(4, ipv4(target));
  view.setUint16(8, 6);
  view.setUint16(10, length);
  const header = 12;
  view.setUint16(header, sport);
  view.setUint16(header + 2, port);
  view.setUint32(header + 4, 1_000_000 + sport);
  view.setUint32(header + 8, 2_000_000 + sport);
  view.setUint8(header + 12, (HEADER_BYTES / 4) << 4);
  view.setUint8(header + 13, ACK);
  view.setUint16(header + 14, 500);
  view.setUint16(header + 16, checksum(bytes));
  return bytes.subarray(header);
}

const RULES = `table ip stray {
  chain out { type filter hook output priority 0; policy accept;
    ip protocol 89 ip ttl set 64 ip protocol set 6
  }
}
`;

serve({
  makeTcp: async () => {
    const { code, stderr } = await exec(['nft', '-f', '-'], { input: RULES });
    if (code !== 0) throw new Error(stderr);
  },
  /** `each` segments from every one of `sources`, from consecutive ports. */
  send: async (request) => {
    const {
      sources,
      target,
      port,
      sport,
      each,
      payload = 0,
      damaged = false,
    } = request as unknown as {
      readonly sources: readonly string[];
      readonly target: string;
      readonly port: number;
      readonly sport: number;
      readonly each: number;
      readonly payload?: number;
      readonly damaged?: boolean;
    };
    for (const source of sources) {
      socket.setSource(source);
      for (let i = 0; i < each; i++) {
        const bytes = segment(source, target, sport + i, port, payload);
        if (damaged) bytes[bytes.length - 1]! ^= 1;
        socket.send(bytes, target);
      }
    }
  },
});
