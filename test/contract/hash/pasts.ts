/**
 * Directors with different pasts: in network namespaces of one guest each is led through another order of additions and removals of
 * servers to the same file, by the product's own driver; then the same flows meet each of them.
 */
import { join } from 'node:path';
import { projectRoot } from '../../../lab/project.ts';
import type { Guest } from '../../../lab/runtimes/guest.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowChooser } from '../../../src/core/hash/flow-choice.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import { given, type Order } from './datagrams.ts';
import type { Life } from './pasts-main.ts';

const VIP = ipv4('203.0.113.1');
const PORT = 5353;
const SERVERS = 6;
const CLIENTS = 250;

/** Those servers, with weights 1, 2, 3 in turn, in the order of the file's names. */
function wish(which: readonly number[], down: readonly number[] = []): DesiredDataplane {
  const servers = which.map((at) => ({
    name: `r${at}`,
    address: ipv4('10.2.0.21') + at,
    weight: 1 + (at % 3),
    state: down.includes(at) ? ('down' as const) : ('up' as const),
  }));
  const service: DesiredService = { name: 'dns', vips: [VIP], ports: [PORT], protocol: 'udp', servers };
  return { services: [service], upstream: [], plane: 'ipvs' };
}

const ALL = Array.from({ length: SERVERS }, (_, at) => at);
/** What all of them come to. */
const LAST = wish(ALL, [2]);

const PASTS: Readonly<Record<string, Life['wishes']>> = {
  fresh: [{ desired: LAST, dies: false }],
  ascending: [
    ...ALL.map((at) => ({ desired: wish(ALL.slice(0, at + 1)), dies: at === 3 })),
    { desired: LAST, dies: false },
  ],
  shuffled: [
    { desired: wish([5, 0]), dies: false },
    { desired: wish([3], [3]), dies: true },
    { desired: wish([1, 2, 4, 5], [5]), dies: false },
    { desired: wish([4, 0, 2], [0, 4]), dies: true },
    { desired: LAST, dies: false },
  ],
};

/** By past: `CLIENT:PORT -> SERVER` of each flow, in one order for all; and what is computed in user space. */
export interface Choices {
  readonly kernels: Readonly<Record<string, readonly string[]>>;
  readonly computed: readonly string[];
}

/**
 * @param flows how many; their entries live for five minutes, by when all must have been read
 * @param progress told what is being done
 * Throws a LabError or an Error with what a program in the guest has said.
 */
export async function choicesOf(guest: Guest, flows: number, progress: (line: string) => void): Promise<Choices> {
  const sources = Array.from({ length: flows }, (_, i) => {
    return [ipv4('198.51.100.1') + (i % CLIENTS), 1024 + Math.floor(i / CLIENTS)] as const;
  });
  const said = async (argv: readonly string[], input = '') => {
    const { code, stdout, stderr } = await guest.exec(argv, { input, deadline: 300_000 });
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
    return stdout;
  };
  await said(['modprobe', '-a', 'dummy', 'ip_vs', 'nf_conntrack']);
  await said(['sysctl', '-w', `net.netfilter.nf_conntrack_max=${8 * (flows + 1000)}`]);
  const order: Order = {
    address: formatIpv4(VIP),
    port: PORT,
    sources: sources.map(([from, port]) => [formatIpv4(from), port] as const),
  };
  const lives = Object.entries(PASTS).map(async ([name, wishes]) => {
    await said(['ip', 'netns', 'add', name]);
    await said(['ip', '-n', name, '-batch', '-'], NETWORK);
    const program = join(projectRoot, 'dist/test/contract/hash/pasts-main.js');
    const life: Life = { wishes, flows: order };
    await said(['ip', 'netns', 'exec', name, process.execPath, program], JSON.stringify(life));
    progress(`past "${name}": ${flows} flows sent`);
  });
  await Promise.all(lives);
  // The kernel has one table for all namespaces and reads it by places: lines come twice or not at all while others add to it.
  const kernels: Record<string, readonly string[]> = {};
  for (const name of Object.keys(PASTS)) {
    const listing = await said(['ip', 'netns', 'exec', name, 'cat', '/proc/net/ip_vs_conn']);
    kernels[name] = [...given(listing).values()].flat().toSorted();
  }
  const choose = flowChooser(LAST.services[0]!, 'ipvs');
  const computed = sources.map(([client, port]) => {
    return `${formatIpv4(client)}:${port} -> ${formatIpv4(choose(client, port, PORT).server!.address)}`;
  });
  return { kernels, computed: computed.toSorted() };
}

const NETWORK = [
  'link add nowhere type dummy',
  'link set nowhere up',
  'addr add 10.2.0.1/24 dev nowhere',
  'link set lo up',
  'route add local 203.0.113.0/24 dev lo',
  'route add local 198.51.100.0/24 dev lo',
].join('\n');
