# flows moved when one of three next hops leaves (kernel ECMP, `ip route get`)
N=sl-facts-$$; trap 'ip netns del $N' EXIT
ip netns add $N
for i in 1 2 3; do ip -n $N link add v$i type veth peer name w$i; ip -n $N addr add 10.1.$i.1/30 dev v$i; ip -n $N link set v$i up; ip -n $N link set w$i up; done
ip -n $N link add vc type veth peer name wc; ip -n $N addr add 10.9.0.1/24 dev vc; ip -n $N link set vc up; ip -n $N link set wc up; ip -n $N link set lo up
ip netns exec $N sysctl -qw net.ipv4.fib_multipath_hash_policy=3 net.ipv4.fib_multipath_hash_fields=0x37 net.ipv4.ip_forward=1
route() { ip -n $N route replace 203.0.113.10/32 $(for i in $*; do echo nexthop via 10.1.$i.2; done); }
for p in $(seq 20000 23999); do echo "route get 203.0.113.10 from 10.9.0.2 iif vc ipproto tcp sport $p dport 80"; done >q
ask() { ip -n $N -batch q | grep -o 'via [0-9.]*' >$1; }
route 1 2 3; ask before
for leave in 1 2 3; do route $(echo 1 2 3 | tr -d $leave); ask after; paste before after | awk -v l=$leave '{n++; if($2!=$4)m++; if($2!=$4 && $2!="10.1." l ".2")s++} END{printf "leaves=%d moved=%.1f%% of them survivors=%.1f%%\n", l, 100*m/n, 100*s/n}'; done
sort before | uniq -c
