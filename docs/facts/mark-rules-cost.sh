#!/bin/bash
# What the rules of ownership and of the second chance cost a packet of an established connection on its way through.
# One core sends, forwards and receives, hence all of a packet's way is in the figure; the least of several short rounds each,
# all variants in turn in every round. As root: docs/facts/mark-rules-cost.sh [rounds]
set -eu
rounds=${1:-60}
run=sl-mc$$
at() { ip netns exec "$run-$1" "${@:2}"; }
trap 'for n in c d s; do ip netns pids $run-$n 2>/dev/null | xargs -r kill; ip netns del $run-$n 2>/dev/null || true; done' EXIT
for n in c d s; do ip netns add $run-$n; ip -n $run-$n link set lo up; done
ip -n $run-c link add eth0 type veth peer name front netns $run-d
ip -n $run-s link add eth0 type veth peer name back netns $run-d
addr() { ip -n "$run-$1" addr add "$3" dev "$2"; ip -n "$run-$1" link set "$2" up; }
addr c eth0 10.1.0.2/24; addr d front 10.1.0.11/24; addr d back 10.2.0.11/24; addr s eth0 10.2.0.21/24
ip -n $run-c route add 203.0.113.10 via 10.1.0.11
ip -n $run-s route add default via 10.2.0.11
at d sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_events=1 net.netfilter.nf_conntrack_tcp_be_liberal=1 net.netfilter.nf_conntrack_checksum=0
at d nft -f - <<'NFT'
table ip lb {
  set second_chance { typeof meta l4proto; flags timeout; }
  set ids { typeof ct mark; counter; elements = { 1 }; }
  chain miss { }
  chain pre { type nat hook prerouting priority -100;
    ip daddr 203.0.113.10 tcp dport 80 ct mark set 1 dnat to 10.2.0.21
  }
  chain ownership {
    ct event set 0x94
    ct mark and 0x80000000 == 0x80000000 ct direction original ct mark set ct mark and 0x3fffffff or 0x40000000
  }
  chain mid_life { type filter hook prerouting priority -150;
  }
  chain known {
  }
}
NFT
account='ct direction original ct mark and 0xffff @ids
add rule ip lb known ct direction reply ct mark and 0xffff @ids'
variant() { # which parts hold
  { echo flush chain ip lb mid_life; echo flush chain ip lb known
    echo 'add rule ip lb mid_life ct status dnat goto known'
    case $1 in *owner*)
      echo 'add rule ip lb known ct mark and 0xe0000000 != 0 jump ownership'
      echo 'add rule ip lb known tcp flags & (fin | rst) != 0 ct event set 0xb4 ct mark set ct mark or 0x20000000';;
    esac
    echo "add rule ip lb known $account"
    case $1 in *miss*) echo 'add rule ip lb mid_life ct state invalid,new meta l4proto @second_chance jump miss';; esac
  } | at d nft -f -
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
  for v in neither owner miss owner+miss; do
    variant $v; echo $v >&4; read -r line <&3; echo "$line"
  done
done | awk '{ if (!($1 in least) || $2 < least[$1]) least[$1] = $2 }
  END { for (v in least) printf "%-11s %.2f us  %.3f\n", v, least[v], least[v] / least["neither"] }' | sort -k2
rm -f /tmp/$run.py
