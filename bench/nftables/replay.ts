/** Packets as we make them, sent by tcpreplay as fast as it can: what one costs on its way is the time that sending it takes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRoots, rootPath } from '../../lab/roots/build.ts';
import type { Ipv4 } from '../../src/core/base/ipv4.ts';
import { exec } from '../../src/io/exec.ts';

export interface Flow {
  readonly source: Ipv4;
  readonly sport: number;
  readonly destination: Ipv4;
  readonly port: number;
}

const ETHERNET_LENGTH = 14;
const IP_LENGTH = 20;
const TCP_LENGTH = 20;
const UDP_LENGTH = 8;
const TCP = 6;
const UDP = 17;
const FIN = 0x01;
const SYN = 0x02;
const PSH = 0x08;
const ACK = 0x10;

/** MAC addresses like `02:00:00:00:00:01`: whose frame it is, and who is to take it. */
export type Macs = readonly [from: string, to: string];

function ipFrame({ source, destination }: Flow, [from, to]: Macs, protocol: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(ETHERNET_LENGTH + IP_LENGTH);
  head.write(to.replaceAll(':', '') + from.replaceAll(':', ''), 'hex');
  head.writeUInt16BE(0x0800, 12);
  const ip = head.subarray(ETHERNET_LENGTH);
  ip.writeUInt16BE(0x4500);
  ip.writeUInt16BE(IP_LENGTH + payload.length, 2);
  ip.writeUInt16BE(0x4000, 6);
  ip[8] = 64;
  ip[9] = protocol;
  ip.writeUInt32BE(source, 12);
  ip.writeUInt32BE(destination, 16);
  ip.writeUInt16BE(checksum(ip, 0), 10);
  return Buffer.concat([head, payload]);
}

/** The first packet of a connection, without options. */
export function synFrame(flow: Flow, macs: Macs): Buffer {
  return segmentFrame(flow, macs, { flags: SYN });
}

/** One from the middle, that says nothing. */
export function ackFrame(flow: Flow, macs: Macs): Buffer {
  return segmentFrame(flow, macs, { flags: ACK });
}

interface Segment {
  readonly flags: number;
  readonly sequence?: number;
  readonly acknowledged?: number;
  /** Bytes of payload, all zero. */
  readonly length?: number;
}

/** A short HTTP connection that the server closes, as ten segments that a conntrack finds in order. */
export const HTTP_SEGMENTS: readonly (Segment & { readonly from: 'client' | 'server' })[] = [
  { from: 'client', flags: SYN, sequence: 100 },
  { from: 'server', flags: SYN | ACK, sequence: 500, acknowledged: 101 },
  { from: 'client', flags: ACK, sequence: 101, acknowledged: 501 },
  { from: 'client', flags: ACK | PSH, sequence: 101, acknowledged: 501, length: 60 },
  { from: 'server', flags: ACK, sequence: 501, acknowledged: 161 },
  { from: 'server', flags: ACK | PSH, sequence: 501, acknowledged: 161, length: 160 },
  { from: 'server', flags: ACK | FIN, sequence: 661, acknowledged: 161 },
  { from: 'client', flags: ACK, sequence: 161, acknowledged: 662 },
  { from: 'client', flags: ACK | FIN, sequence: 161, acknowledged: 662 },
  { from: 'server', flags: ACK, sequence: 662, acknowledged: 162 },
];

export function segmentFrame(flow: Flow, macs: Macs, segment: Segment): Buffer {
  const { flags, sequence = 0, acknowledged = 0, length = 0 } = segment;
  const tcp = Buffer.alloc(TCP_LENGTH + length);
  tcp.writeUInt16BE(flow.sport);
  tcp.writeUInt16BE(flow.port, 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(acknowledged, 8);
  tcp[12] = (TCP_LENGTH / 4) << 4;
  tcp[13] = flags;
  tcp.writeUInt16BE(0xffff, 14);
  const addresses = Buffer.alloc(8);
  addresses.writeUInt32BE(flow.source);
  addresses.writeUInt32BE(flow.destination, 4);
  tcp.writeUInt16BE(checksum(tcp, sumOf(addresses) + TCP + tcp.length), 16);
  return ipFrame(flow, macs, TCP, tcp);
}

/** An empty datagram, without a checksum. */
export function udpFrame(flow: Flow, macs: Macs): Buffer {
  const udp = Buffer.alloc(UDP_LENGTH);
  udp.writeUInt16BE(flow.sport);
  udp.writeUInt16BE(flow.port, 2);
  udp.writeUInt16BE(UDP_LENGTH, 4);
  return ipFrame(flow, macs, UDP, udp);
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  return sum;
}

function checksum(bytes: Buffer, start: number): number {
  let sum = start + sumOf(bytes);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** pcap 2.4, Ethernet, little-endian; the times of all packets are 0. */
function pcap(frames: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = frames.flatMap((frame) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  });
  return Buffer.concat([header, ...records]);
}

/** tcpreplay's folder is `/srv` of the root folder, in a mount namespace of its own. */
const ENTER = 'mount --bind "$1" "$2/srv" && shift && exec chroot "$@"';

export interface Pace {
  /** Frames a second. */
  readonly rate: number;
  /** How often all of them are sent. */
  readonly times: number;
}

/** Sends frames by an interface of a namespace, as fast as it can unless a pace is given. @returns microseconds per frame */
export async function replay(netns: string, device: string, frames: readonly Buffer[], pace?: Pace): Promise<number> {
  await ensureRoots(['load'], () => undefined);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-replay-'));
  try {
    await writeFile(join(folder, 'frames.pcap'), pcap(frames));
    const speed = pace === undefined ? ['--topspeed'] : [`--pps=${pace.rate}`, `--loop=${pace.times}`];
    const send = ['tcpreplay', ...speed, '--preload-pcap', '--intf1', device, '/srv/frames.pcap'];
    const enter = ['ip', 'netns', 'exec', netns, 'sh', '-c', ENTER, 'sh'] as const;
    const { code, stdout, stderr } = await exec([...enter, folder, await rootPath('load'), ...send]);
    const rate = /Rated: .* ([\d.]+) pps/.exec(stdout)?.[1];
    if (code !== 0 || rate === undefined) throw new Error(`tcpreplay: ${stderr}${stdout}`);
    return 1e6 / Number(rate);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
