/** The bench without packets: the IPVS data plane in memory, and what it would do with them. */
import { ipv4, parseIpv4 } from '../../../src/core/base/ipv4.ts';
import type { NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import {
  IPVS_CMD_DEL_DEST,
  IPVS_CMD_DEL_SERVICE,
  IPVS_CMD_NEW_DEST,
  IPVS_CMD_NEW_SERVICE,
  IPVS_CMD_SET_DEST,
  IPVS_CMD_SET_SERVICE,
} from '../../../src/core/netlink/ipvs/codes.ts';
import { encodeDestination, NO_TUNNEL } from '../../../src/core/netlink/ipvs/destination.ts';
import { encodeService, type IpvsServiceKey } from '../../../src/core/netlink/ipvs/service.ts';
import { FakeIpvsDataplane, FakeIpvsHost } from '../../../src/drivers/dataplane/fake/ipvs-dataplane.ts';
import type { IpvsBench } from './ipvs-suite.ts';
import { memoryDriver, nameOf } from './memory-driver.ts';
import { CLIENT, type FlowTarget, WEB } from './suite.ts';

const COMMANDS: Readonly<Record<string, number>> = {
  '-A': IPVS_CMD_NEW_SERVICE,
  '-E': IPVS_CMD_SET_SERVICE,
  '-D': IPVS_CMD_DEL_SERVICE,
  '-a': IPVS_CMD_NEW_DEST,
  '-e': IPVS_CMD_SET_DEST,
  '-d': IPVS_CMD_DEL_DEST,
};

/** What stands behind an option of ipvsadm. */
function option(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
}

function endpoint(text: string): { readonly address: number; readonly port: number } {
  const [address = '', port = ''] = text.split(':');
  return { address: parseIpv4(address)!, port: Number(port) };
}

export function fakeIpvsBench(host = new FakeIpvsHost()): IpvsBench {
  let driver = new FakeIpvsDataplane(host);

  async function byHand(line: string): Promise<void> {
    const words = line.split(' ');
    if (words[0] === '-C') {
      host.ipvs.flush();
      return;
    }
    const [tcp, udp, server] = ['-t', '-u', '-r'].map((name) => option(words, name));
    const key: IpvsServiceKey = { protocol: tcp === undefined ? 17 : 6, ...endpoint(tcp ?? udp!) };
    const plain = { key, scheduler: option(words, '-s') ?? '', flags: 0, timeout: 0, maskBits: 32, engine: '' };
    const weight = Number(option(words, '-w') ?? 1);
    const upper = Number(option(words, '-x') ?? 0);
    const attributes = (w: NetlinkWriter) => {
      if (server === undefined) encodeService(w, plain);
      else encodeDestination(w, key, { ...endpoint(server), method: 0, weight, upper, lower: 0, tunnel: NO_TUNNEL });
    };
    const refused = await host.ipvs.perform('by-hand', [{ command: COMMANDS[words[0]!]!, flags: 0, attributes }]);
    if (refused.length > 0) throw new Error(`${line}: ${refused[0]!.errno}`);
  }

  const packet = (sport: number, i: number, { vip, port, protocol, sources }: FlowTarget) => {
    const source = ipv4(sources?.[i % sources.length] ?? CLIENT);
    return nameOf(host.ipvs.packet({ protocol, source, sport: sport + i, vip: ipv4(vip), port }));
  };
  const packets = async (sport: number, count: number, target: FlowTarget = WEB) =>
    Array.from({ length: count }, (_, i) => packet(sport, i, target));

  return {
    kernel: undefined,
    ...memoryDriver(() => driver),
    async restart() {
      driver = new FakeIpvsDataplane(host);
    },
    connect: packets,
    ask: (sport, count) => packets(sport, count),
    markPackets: () => Promise.reject(new Error('nobody marks packets in memory')),
    async byHand(rules) {
      for (const line of rules.trimEnd().split('\n')) await byHand(line);
    },
    listing: async () => host.ipvs.saved(),
    said: () => Promise.reject(new Error('there are no programs in memory')),
  };
}
