# A shared local address (LIP) without any sync: answers meet any of three directors, the one that does not know them hands them
# over. Usage: bash hand-over.sh [segment|vxlan|none]
mode=${1:-segment}; N=sl-ho-$$; names="sw cl d1 d2 d3 s1 s2 s3"
VIP=203.0.113.10; LIP=10.8.0.1
trap 'for p in $servers; do kill $p; done 2>/dev/null; for n in $names; do ip netns del $N-$n; done 2>/dev/null; rm -rf $dir' EXIT
dir=$(mktemp -d)
at() { n=$1; shift; ip netns exec $N-$n "$@"; }
plug() { ip -n $N-sw link add $1-$2 type veth peer name $2 netns $N-$1; ip -n $N-sw link set $1-$2 master $2 up; ip -n $N-$1 addr add $3/24 dev $2; ip -n $N-$1 link set $2 up; }
hops() { for i in 1 2 3; do echo nexthop via $1$i; done; }
for n in $names; do ip netns add $N-$n; ip -n $N-$n link set lo up
  at $n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.fib_multipath_hash_policy=3 net.ipv4.fib_multipath_hash_fields=0x37; done
for b in front back y0; do ip -n $N-sw link add $b type bridge; ip -n $N-sw link set $b up; done
plug cl front 10.1.0.2; ip -n $N-cl route add $VIP $(hops 10.1.0.1)
for i in 1 2 3; do
  plug s$i back 10.2.0.2$i; ip -n $N-s$i route add $LIP $(hops 10.2.0.1)
  plug d$i front 10.1.0.1$i; plug d$i back 10.2.0.1$i; plug d$i y0 10.4.0.1$i
  at d$i sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_be_liberal=1 net.netfilter.nf_conntrack_tcp_loose=${LOOSE:-1}
  ip -n $N-d$i route add local $VIP dev lo
  # Block k (ports 1024(k+1) to 1024(k+2)-1) belongs to director k mod 3 + 1 below block 9, three at a time above it: so some merge.
  own=; foreign=; last=
  for k in $(seq 0 62); do o=$(( (k < 9 ? k : k / 3) % 3 + 1 )); lo=$((1024 * (k + 1))); hi=$((lo + 1023))
    if [ $o = $i ]; then own="$own $lo-$hi"; last=; elif [ "$last" = $o ]; then foreign="${foreign%-*}-$hi:$o"; else foreign="$foreign $lo-$hi:$o"; last=$o; fi; done
  set -- $own; M=$#; blk=; k=0; for r in $own; do blk="$blk${blk:+, }$k : $LIP . $r"; k=$((k + 1)); done
  dev=y0; hop=10.4.0.1; [ $mode = vxlan ] && dev=vx0 && hop=169.254.217.1
  over=; for r in $foreign; do over="$over${over:+, }$LIP . ${r%:*} : $hop${r#*:}"; done
  if [ $mode = vxlan ]; then
    # Addresses that never leave the host: `dup` takes its next hop only from a route by the device; what counts is the MAC.
    ip -n $N-d$i link add vx0 address 02:73:0a:04:00:1$i type vxlan id 7 dstport 4789 local 10.4.0.1$i nolearning; ip -n $N-d$i link set vx0 mtu 1450 up; ip -n $N-d$i addr add 169.254.217.1/24 dev vx0
    for j in 1 2 3; do [ $j = $i ] || { ip -n $N-d$i neigh add 169.254.217.1$j lladdr 02:73:0a:04:00:1$j dev vx0 nud permanent; at d$i bridge fdb add 02:73:0a:04:00:1$j dev vx0 dst 10.4.0.1$j self permanent; }; done
  fi
  rule="iifname != \"$dev\" ip daddr $LIP ip saddr 10.2.0.0/24 meta l4proto { tcp, udp } ct state invalid,new dup to ip daddr . th dport map @hand_over device \"$dev\" counter drop"
  [ $mode = none ] && rule=
  at d$i nft -f - <<RULES || exit 1
table ip t {
  map be { typeof numgen inc mod 3 : ip daddr; elements = { 0 : 10.2.0.21, 1 : 10.2.0.22, 2 : 10.2.0.23 }
  }
  map blk { typeof numgen inc mod $M : interval ip saddr . th sport; elements = { $blk }
  }
  map hand_over { typeof ip daddr . th dport : ip daddr; flags interval; elements = { $over }
  }
  chain pre { type nat hook prerouting priority -100; ip daddr $VIP meta l4proto { tcp, udp } dnat to jhash ip saddr . th sport mod 3 seed 1 map @be
  }
  chain miss { type filter hook prerouting priority -150
    $rule
    ip daddr $LIP ct state invalid,new counter drop
  }
  chain post { type nat hook postrouting priority 100; ct status dnat meta l4proto { tcp, udp } snat ip to jhash ip saddr . th sport mod $M seed 51 map @blk
  }
}
RULES
  # Else every flow of the tunnels, which has a source port of its own, costs an entry at both ends.
  [ $mode = vxlan ] && [ -z "$TRACK" ] && at d$i nft -f - <<RULES
table ip u {
  chain pre { type filter hook prerouting priority -300; udp dport 4789 notrack
  }
  chain out { type filter hook output priority -300; udp dport 4789 notrack
  }
}
RULES
  [ $i = 1 ] && echo "d1: $M own blocks, $(echo $foreign | wc -w) ranges of $((63 - M)) foreign blocks"
done
cat >$dir/server.cjs <<'JS'
require('net').createServer((s) => { s.on('error', () => {}); s.on('data', (d) => s.write(Buffer.alloc(Number(d)))); }).listen(80, '0.0.0.0', 511);
const u = require('dgram').createSocket('udp4'); u.on('message', (m, f) => u.send('x', f.port, f.address)); u.bind(53);
JS
cat >$dir/client.cjs <<'JS'
const [vip, count] = [process.argv[2], Number(process.argv[3])];
const flow = (i) => new Promise((resolve) => {
  const done = { open: 0, small: 0, bulk: 0 }; let left = 1; let kind = 'open';
  const s = require('net').connect({ host: vip, port: 80, localAddress: '10.1.0.2', localPort: 20000 + i });
  const end = () => { clearTimeout(timer); s.resetAndDestroy(); resolve(done); };
  const timer = setTimeout(end, 5000); s.on('error', end); s.on('connect', () => s.write('1'));
  s.on('data', (d) => { if ((left -= d.length) > 0) return; done[kind] = 1;
    if (kind === 'open') { kind = 'small'; left = 3000; s.write('3000'); } else if (kind === 'small') { kind = 'bulk'; left = 300000; s.write('300000'); } else end(); }); });
const datagram = (i) => new Promise((resolve) => { const s = require('dgram').createSocket('udp4');
  const end = (n) => { clearTimeout(timer); s.close(); resolve(n); }; const timer = setTimeout(end, 2000, 0);
  s.on('message', () => end(1)); s.bind(20000 + i, '10.1.0.2', () => s.send('?', 53, vip)); });
(async () => { const sum = { open: 0, small: 0, bulk: 0, udp: 0 };
  for (let i = 0; i < count; i += 30) for (const d of await Promise.all(Array.from({ length: 30 }, (_, k) => flow(i + k)))) for (const k in d) sum[k] += d[k];
  for (const n of await Promise.all(Array.from({ length: 60 }, (_, k) => datagram(k)))) sum.udp += n;
  console.log(`of ${count} flows: opened ${sum.open}, 3 kB ${sum.small}, 300 kB ${sum.bulk}; of 60 datagrams answered ${sum.udp}`); process.exit(); })();
JS
servers=; for i in 1 2 3; do ip netns exec $N-s$i node $dir/server.cjs & servers="$servers $!"; done; sleep 1
at cl node $dir/client.cjs $VIP ${FLOWS:-300}
for i in 1 2 3; do
  echo "d$i: handed over and dropped (packets): $(at d$i nft list chain ip t miss | grep -o 'packets [0-9]*' | cut -d' ' -f2 | paste -sd' ')," \
    "entries $(at d$i grep -c . /proc/net/nf_conntrack), of them not by a client's packet $(at d$i grep -vc "src=10.1.0.2" /proc/net/nf_conntrack)"
done
# Stray ACKs from a server to LIP ports of all directors, for which nobody has a connection: one hop at most, no entry, no RST.
cat >$dir/stray.py <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP); s.bind(('10.2.0.21', 0))
def csum(b): 
    t = sum(struct.unpack('!%dH' % (len(b) // 2), b)); t = (t >> 16) + (t & 65535); return ~(t + (t >> 16)) & 65535
for i in range(1000):
    h = struct.pack('!HHIIBBHHH', 81, 1024 + i * 61, 1, 1, 80, 16, 100, 0, 0)
    c = csum(socket.inet_aton('10.2.0.21') + socket.inet_aton('10.8.0.1') + struct.pack('!HH', 6, len(h)) + h)
    s.sendto(h[:16] + struct.pack('!H', c) + h[18:], ('10.8.0.1', 0))
PY
count() { for i in 1 2 3; do at d$i nft list chain ip t miss | grep -o 'packets [0-9]*' | cut -d' ' -f2 | paste -sd' '; done | awk '{a+=$1; b+=$2} END {print a, b}'; }
b=$(count); r=$(at s1 awk '/^Ip: [0-9]/ {print $4}' /proc/net/snmp); at s1 python3 $dir/stray.py; sleep 0.5
echo "1000 stray ACKs: counters before ($b) and after ($(count)); packets that came back to the server: $(( $(at s1 awk '/^Ip: [0-9]/ {print $4}' /proc/net/snmp) - r ));" \
  "entries of port 81: $(for i in 1 2 3; do at d$i grep -c "sport=81 " /proc/net/nf_conntrack; done | paste -sd' ')"
