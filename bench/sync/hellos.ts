/** Whether a director's Hellos come in time, by what its router hears. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Capture, Lab } from '../../lab/runtimes/lab.ts';

/** Of libpcap's file format: the file's own head, the head of each packet; Ethernet; the least IP header. */
const FILE_HEAD = 24;
const PACKET_HEAD = 16;
const ETHERNET_HEAD = 14;
const HELLO = 1;

export interface Hellos {
  /** Ends the watch; returns the longest time between two Hellos, milliseconds. */
  longestGap(): Promise<number>;
}

/** Listens on a router's interface for the Hellos of the director with this address. */
export async function watchHellos(lab: Lab, router: string, iface: string, address: string): Promise<Hellos> {
  const file = join(lab.dir, `hellos-${router}-${iface}.pcap`);
  const capture: Capture = await lab.capture(router, iface, file, `ip proto 89 and src host ${address}`);
  return {
    async longestGap() {
      await capture.stop();
      return longestGap(helloTimes(await readFile(file)));
    },
  };
}

/** Milliseconds. tcpdump writes in the byte order of its machine, which is ours. */
function helloTimes(bytes: Buffer): number[] {
  const times: number[] = [];
  for (let at = FILE_HEAD; at + PACKET_HEAD <= bytes.length; ) {
    const time = bytes.readUInt32LE(at) * 1000 + bytes.readUInt32LE(at + 4) / 1000;
    const packet = at + PACKET_HEAD;
    const ip = packet + ETHERNET_HEAD;
    const ospf = ip + 4 * ((bytes[ip] ?? 0) & 0x0f);
    if (bytes[ospf + 1] === HELLO) times.push(time);
    at = packet + bytes.readUInt32LE(at + 8);
  }
  return times;
}

function longestGap(times: readonly number[]): number {
  return times.reduce((longest, time, index) => Math.max(longest, time - (times[index - 1] ?? time)), 0);
}
