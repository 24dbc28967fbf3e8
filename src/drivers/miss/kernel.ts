/**
 * Misses in the network namespace that we run in: rules log them to a group of nfnetlink_log, and they come back by a TUN device of
 * our own. So they pass everything that a packet from a wire passes, and the kernel does what is left to do: cutting, checksums.
 */
import { MISS_DEVICE } from '../../core/dataplane/names.ts';
import { MISS_LOG_GROUP } from '../../core/dataplane/rules/miss.ts';
import { LITTLE_ENDIAN } from '../../core/netlink/attributes.ts';
import { offloadHeader } from '../../core/packet/offload.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { readLinks } from '../../io/links.ts';
import { PacketLog } from '../../io/packet-log.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';
import { TunDevice } from '../../io/tun-device.ts';
import { readMissed } from './missed.ts';
import type { MissCounts, Missed, Misses, MissListener } from './port.ts';

/** RFC 791: what every host takes. Fewer would be no MTU that anybody has set on purpose. */
const LEAST_MTU = 576;
const ETHERNET_MTU = 1500;

export class KernelMisses implements Misses {
  #log: PacketLog | undefined;
  #device: TunDevice | undefined;
  #mtu = ETHERNET_MTU;
  readonly #counts = { told: 0, lost: 0, malformed: 0, damaged: 0, reinjected: 0, refused: 0 };

  async open(listener: MissListener): Promise<void> {
    this.#mtu = await leastMtu();
    this.#device = await TunDevice.open(MISS_DEVICE);
    try {
      this.#log = new PacketLog(MISS_LOG_GROUP, {
        onPacket: ({ bytes }) => this.#take(bytes, listener),
        onLost: () => {
          this.#counts.lost += 1;
        },
        onError: (error) => listener.failed(error),
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  reinject(packets: readonly Missed[]): void {
    for (const packet of packets) {
      try {
        this.#device?.write(offloadHeader(packet, packet.checksum, this.#mtu, LITTLE_ENDIAN), packet.bytes);
        this.#counts.reinjected += 1;
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        this.#counts.refused += 1;
      }
    }
  }

  counts(): MissCounts {
    return { ...this.#counts };
  }

  close(): void {
    this.#log?.close();
    this.#device?.close();
    this.#log = undefined;
    this.#device = undefined;
  }

  #take(bytes: Uint8Array, listener: MissListener): void {
    const missed = readMissed(bytes);
    if (typeof missed === 'string') {
      this.#counts[missed] += 1;
      return;
    }
    this.#counts.told += 1;
    listener.packet(missed);
  }
}

/** What fits through every interface that is up: by which of them a packet will leave is the kernel's to say. */
async function leastMtu(): Promise<number> {
  const netlink = new RtNetlink();
  try {
    const links = await readLinks(netlink);
    const mtus = links.filter(({ enabled, name }) => enabled && name !== 'lo').map(({ mtu }) => mtu);
    return Math.max(LEAST_MTU, Math.min(ETHERNET_MTU, ...mtus));
  } finally {
    netlink.close();
  }
}
