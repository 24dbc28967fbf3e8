#!/bin/bash
# What a hook, a plain rule and a look-up in a set cost a packet of an established connection on its way through. Each eight times,
# so that it shows. One core sends, forwards and receives; the least of several short rounds each, all variants in turn in every
# round. As root: docs/facts/rule-costs.sh [rounds]
set -eu
rounds=${1:-60}
run=sl-rc$$
at() { ip netns exec "$run-$1" "${@:2}"; }
trap 'for n in c d s; do ip netns pids $run-$n 2>/dev/null | xargs -r kill; ip netns del $run-$n 2>/dev/null || true; done; rm -f /tmp/$run.py' EXIT
for n in c d s; do ip netns add $run-$n; ip -n $run-$n link set lo up; done
ip -n $run-c link add eth0 type veth peer name front netns $run-d
ip -n $run-s link add eth0 type veth peer name back netns $run-d
addr() { ip -n "$run-$1" addr add "$3" dev "$2"; ip -n "$run-$1" link set "$2" up; }
addr c eth0 10.1.0.2/24; addr d front 10.1.0.11/24; addr d back 10.2.0.11/24; addr s eth0 10.2.0.21/24
ip -n $run-c route add 203.0.113.10 via 10.1.0.11
ip -n $run-s route add default via 10.2.0.11
at d sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_be_liberal=1 net.netfilter.nf_conntrack_checksum=0
at d nft -f - <<'NFT'
table ip lb {
  chain pre { type nat hook prerouting priority -100;
    ip daddr 203.0.113.10 tcp dport 80 ct mark set 1 dnat to 10.2.0.21
  }
}
NFT
eight() { for i in 1 2 3 4 5 6 7 8; do echo "${1//%/$i}"; done; }
variant() {
  { echo 'table ip more'; echo 'delete table ip more'; echo 'table ip more {'
    echo 'set ids { typeof ct mark; elements = { 1 }; }'
    echo 'set links { typeof iifname; elements = { "front" }; }'
    echo 'chain first { type filter hook forward priority 0;'
    echo ' ct status dnat'
    case $1 in
      rule) eight ' ct status dnat';;
      ids) eight ' ct mark and 0xffff @ids';;
      links) eight ' iifname @links';;
    esac
    echo '}'
    [ "$1" != hook ] || eight 'chain c% { type filter hook forward priority %;
 ct status dnat
}'
    echo '}'; } | at d nft -f -
}
at s python3 -c '
import socket, time
s = socket.socket(); s.bind(("", 80)); s.listen(); c, _ = s.accept(); c.recv(9); time.sleep(600)' &
sleep 0.5
cat > /tmp/$run.py <<'PY'
import socket, struct, sys, time
c = socket.socket(); c.bind(("10.1.0.2", 40000)); c.connect(("203.0.113.10", 80)); c.send(b"x")
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP); raw.connect(("203.0.113.10", 0))
ack = struct.pack("!HHIIBBHHH", 40000, 80, 1, 1, 5 << 4, 0x10, 500, 0, 0)
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    for _ in range(1500): raw.send(ack)
    print(line.strip(), (time.perf_counter() - begin) / 1500 * 1e6, flush=True)
PY
coproc CLIENT { at c taskset -c 1 python3 /tmp/$run.py; }
exec 3<&"${CLIENT[0]}" 4>&"${CLIENT[1]}"
read -r _ <&3
for _ in $(seq "$rounds"); do
  for v in none rule hook ids links; do
    variant $v; echo $v >&4; read -r line <&3; echo "$line"
  done
done | awk '{ if (!($1 in least) || $2 < least[$1]) least[$1] = $2 }
  END { for (v in least) printf "%-5s %.2f us per packet, each of the eight %.0f ns\n", v, least[v], (least[v] - least["none"]) / 8 * 1000 }' | sort -k2
