#!/bin/bash
# Does a director pass on what another one has translated, when it has the source address as a local one, too?
#   a (has translated: 10.3.0.1) 10.4.0.11 -- 10.4.0.12 b (another director) 10.2.0.12 -- 10.2.0.21 s (real server)
# Needs root, iproute2, python3. Prints how many of five datagrams the server has received, for each setting of b.
N=sl-ls$$
trap 'for n in a b s; do ip netns del $N-$n 2>/dev/null; done' EXIT
at() { local n=$1; shift; ip netns exec $N-$n "$@"; }
for n in a b s; do
  ip netns add $N-$n; ip -n $N-$n link set lo up
  at $n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
done
ip link add name hand netns $N-a type veth peer name hand netns $N-b
ip link add name back netns $N-b type veth peer name back netns $N-s
at a ip addr add 10.4.0.11/24 dev hand; at b ip addr add 10.4.0.12/24 dev hand
at b ip addr add 10.2.0.12/24 dev back; at s ip addr add 10.2.0.21/24 dev back
for n in a b; do at $n ip link set hand up; done
for n in b s; do at $n ip link set back up; done
at b sysctl -qw net.ipv4.ip_forward=1
at s ip route add 10.3.0.0/24 via 10.2.0.12
at a ip route add local 10.3.0.1/32 dev lo; at a ip route add 10.2.0.0/24 via 10.4.0.12

received() { at s awk '/^Udp:/ && $2 ~ /[0-9]/ { print $2 + $3 }' /proc/net/snmp; }
cast() {
  at a python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.3.0.1', 4321))
for _ in range(5): s.sendto(b'x', ('10.2.0.21', 9999))"
}
ask() { local before; before=$(received); cast; sleep 0.2; echo "$1: $(($(received) - before)) of 5"; }

cast; sleep 0.5 # neighbors
ask 'not local on b'
at b ip route add local 10.3.0.1/32 dev lo
for filter in 0 2; do
  for accept in 0 1; do
    at b sysctl -qw net.ipv4.conf.hand.rp_filter=$filter net.ipv4.conf.hand.accept_local=$accept
    ask "local on b, rp_filter=$filter accept_local=$accept"
  done
done
