#!/bin/sh
# Which tunnels this kernel can make, and what LVS-TUN over VXLAN-GPE takes where there is no other. Needs root, iproute2,
# nft and python3; makes namespaces sl-tun-* and removes them.
#
#   client 10.1.0.2 ── 10.1.0.1 director 10.2.0.1 ── 10.2.0.2 router 10.4.0.2 ── 10.4.0.21 server, VIP 203.0.113.10
#          └──────────────────────── 10.5.0.0/24: answers ────────────────────────┘
set -u
N=sl-tun-$$
trap 'for n in c d r s; do ip netns del $N-$n 2>/dev/null; done' EXIT
for n in c d r s; do ip netns add $N-$n; ip -n $N-$n link set lo up; done

echo '== tunnel devices'
for kind in ipip gre gretap sit ip6tnl fou gue geneve bareudp vxlan; do
  case $kind in
    ipip|gre|sit) set -- type $kind local 10.2.0.1 remote 10.2.0.2 ;;
    gretap) set -- type gretap local 10.2.0.1 remote 10.2.0.2 ;;
    ip6tnl) set -- type ip6tnl local fd00::1 remote fd00::2 ;;
    fou|gue) set -- type ipip local 10.2.0.1 remote 10.2.0.2 encap $kind encap-dport 5555 ;;
    geneve) set -- type geneve external ;;
    bareudp) set -- type bareudp dstport 6635 ethertype ip ;;
    vxlan) set -- type vxlan external gpe dstport 4790 ;;
  esac
  if said=$(ip -n $N-d link add t0 "$@" 2>&1); then echo "$kind: yes"; ip -n $N-d link del t0
  else echo "$kind: no ($said)"; fi
done
echo '== nft'
nft --version
for rule in 'tunnel id 1' 'ip encap 10.2.0.2' 'dup to 10.2.0.2'; do
  if ip netns exec $N-d nft -c "add table ip t; add chain ip t c; add rule ip t c $rule" 2>/dev/null; then
    echo "$rule: taken"; else echo "$rule: refused"; fi
done

echo '== TUN over VXLAN-GPE'
link() { # A-device, B-device and addresses
  ip -n $N-$1 link add $2 type veth peer name $5 netns $N-$4
  ip -n $N-$1 addr add $3/24 dev $2; ip -n $N-$4 addr add $6/24 dev $5
  ip -n $N-$1 link set $2 up; ip -n $N-$4 link set $5 up
}
link c cl0 10.1.0.2 d front 10.1.0.1
link d back 10.2.0.1 r in 10.2.0.2
link r out 10.4.0.2 s net 10.4.0.21
link s way 10.5.0.21 c home 10.5.0.2
for n in d r s; do ip netns exec $N-$n sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0; done
for i in net way; do ip netns exec $N-s sysctl -qw net.ipv4.conf.$i.rp_filter=0; done
ip -n $N-c addr add 10.9.0.2/32 dev lo
ip -n $N-c route add 203.0.113.10 via 10.1.0.1 src 10.9.0.2
ip -n $N-s route add 10.9.0.2 via 10.5.0.2
ip -n $N-d route add 10.4.0.0/24 via 10.2.0.2; ip -n $N-s route add 10.2.0.0/24 via 10.4.0.2
for n in d s; do ip -n $N-$n link add vx0 type vxlan external gpe dstport 4790; ip -n $N-$n link set vx0 up; done
ip netns exec $N-s sysctl -qw net.ipv4.conf.vx0.rp_filter=0
ip -n $N-s addr add 203.0.113.10/32 dev lo
ip -n $N-d rule add fwmark 1 lookup 101
ip -n $N-d route add default encap ip id 100 src 10.2.0.1 dst 10.4.0.21 ttl 64 dev vx0 table 101
load() { ip netns exec $N-d nft -f - <<RULES
table ip t
delete table ip t
table ip t {
 chain pre { type filter hook prerouting priority -150;
  ip daddr 203.0.113.10 meta mark set 1
 }
 chain on_the_way { type filter hook forward priority 0;
  $1
 }
}
RULES
}
cat > /tmp/$N.py <<'PY'
import socket,sys
if sys.argv[1]=='serve':
    s=socket.create_server(('203.0.113.10',80))
    while True:
        c,_=s.accept()
        n=0
        while n<300000:
            d=c.recv(65536)
            if not d: break
            n+=len(d)
        c.sendall(b'ok'); c.close()
s=socket.socket(); s.settimeout(3); s.bind(('10.9.0.2',0))
try:
    s.connect(('203.0.113.10',80)); s.sendall(b'x'*300000); print(s.recv(10).decode())
except OSError as e: print(e)
PY
ip netns exec $N-s python3 /tmp/$N.py serve & server=$!
sleep 0.5
try() { echo "$1: $(ip netns exec $N-c python3 /tmp/$N.py ask)"; }
load ''; try 'the mark kept'
load 'oifname vx0 meta mark set 0'; try 'the mark taken away in forward'
load 'oifname vx0 meta mark set 0
  oifname vx0 tcp flags syn tcp option maxseg size set 1400'; try 'and the MSS clamped'
ip -n $N-d route add local 203.0.113.10/32 dev lo; try 'and the VIP local, as it has to be for ping'
kill $server; rm -f /tmp/$N.py
