/** Tries, in a namespace of its own, what the lab and the data plane ask of the kernel. */
import { Stop, step } from './report.mjs';
import { run } from './run.mjs';

/** Feature -> shell line that needs it, run with $NS; the option that brings it where the kernel lacks it. */
const FEATURES = [
  { name: 'network namespaces', option: 'CONFIG_NET_NS', line: 'ip netns add $NS' },
  { name: 'veth links', option: 'CONFIG_VETH', line: 'ip -n $NS link add name v0 type veth peer name v1' },
  { name: 'bridges', option: 'CONFIG_BRIDGE', line: 'ip -n $NS link add name br0 type bridge' },
  {
    name: 'fib_multipath_hash_policy',
    option: 'CONFIG_IP_ROUTE_MULTIPATH',
    line: 'ip netns exec $NS sysctl -qw net.ipv4.fib_multipath_hash_policy=3',
  },
  {
    name: 'nftables with NAT, maps and jhash',
    option: 'CONFIG_NF_TABLES, CONFIG_NFT_NAT, CONFIG_NFT_CT, CONFIG_NFT_HASH',
    line: `ip netns exec $NS nft '
      table ip t {
        map m { typeof numgen inc mod 16 : ct mark; elements = { 0 : 1 }
        }
        chain c { type nat hook prerouting priority dstnat
          ct mark set jhash ip saddr . tcp sport mod 16 seed 1 map @m
          meta l4proto tcp dnat to 192.0.2.1
        }
      }'`,
  },
];

/** Throws a Stop that names every feature this kernel lacks. */
export async function checkKernel() {
  const namespace = `sl-setup-${process.pid}`;
  await step('looking at the kernel', async () => {
    const lacking = [];
    for (const { name, option, line } of FEATURES) {
      const { code, output } = await run(['sh', '-c', line], { env: { NS: namespace } });
      if (code !== 0) lacking.push(`  - ${name} (${option}): ${output.trim().split('\n')[0]}`);
    }
    await run(['ip', 'netns', 'delete', namespace]);
    if (lacking.length > 0) throw new Stop(['this kernel lacks what the lab needs:', ...lacking].join('\n'));
  });
}
