/** What a capture of a lab is read with: our decoder and tshark side by side, and waiting until something has come. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Lab } from '../../../lab/runtimes/lab.ts';
import { until } from '../../../lab/runtimes/wait.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { nullAuthentication, type Verifier } from '../../../src/core/ospf/packet/authentication.ts';
import { decodePacket } from '../../../src/core/ospf/packet/codec.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { type CapturedPacket, ospfPackets } from './pcap.ts';
import { fromRouters, type Recorded } from './picks.ts';

/** The director's router id in the topologies. */
export const OURS = ipv4('10.255.0.1');
const WITHIN = 30_000;

/** What passes the director's link, as it comes in. */
export class Recording {
  readonly #lab: Lab;
  readonly #file: string;
  readonly #verifier: Verifier;

  constructor(lab: Lab, file: string, verifier: Verifier = nullAuthentication) {
    this.#lab = lab;
    this.#file = file;
    this.#verifier = verifier;
  }

  /** Waits until some packet of the routers, or the list of them, is as wanted. Throws a LabError when it does not come. */
  async wait(what: string, there: (recorded: readonly Recorded[]) => boolean): Promise<void> {
    const come = () => there(fromRouters(readPackets(this.#file), OURS, this.#verifier));
    await until(`${what} (${this.#lab.runId})`, WITHIN, come);
  }
}

export function readPackets(file: string): CapturedPacket[] {
  return ospfPackets(readFileSync(file));
}

/** Compares our reading of every packet with tshark's. Throws an Error that lists all differences. */
export function compareReadings(
  packets: readonly CapturedPacket[],
  theirs: ReadonlyMap<number, Fields>,
  verifier: Verifier = nullAuthentication,
): void {
  const differences = packets.flatMap(({ frame, bytes }) => {
    const ours = fieldsOf(decodePacket(bytes, verifier));
    const other = theirs.get(frame) ?? {};
    const names = new Set([...Object.keys(ours), ...Object.keys(other)]);
    return [...names]
      .filter((name) => !isDeepStrictEqual(ours[name], other[name]))
      .map((name) => `frame ${frame}, ${name}: ours ${ours[name]}, tshark's ${other[name]}`);
  });
  if (differences.length > 0) throw new Error(`our reading is not tshark's:\n${differences.join('\n')}`);
  if (packets.length !== theirs.size) throw new Error(`${packets.length} OSPF packets, tshark has ${theirs.size}`);
}
