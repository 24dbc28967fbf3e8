# What it costs per packet to keep a client's entry alive: one flow of small datagrams, client - director - server, the whole way in
# the sender's context, so that the sender's own CPU time is the cost. Variants in turn, three rounds. Needs root and cc.
# Usage: bash refresh-cost.sh [packets per run]
packets=${1:-200000}; N=sl-rc-$$; trap 'for n in c d s; do ip netns del $N-$n; done 2>/dev/null; rm -rf $dir' EXIT
dir=$(mktemp -d)
at() { n=$1; shift; ip netns exec $N-$n "$@"; }
for n in c d s; do ip netns add $N-$n; ip -n $N-$n link set lo up; done
ip -n $N-c link add f0 type veth peer name f0 netns $N-d; ip -n $N-d link add b0 type veth peer name b0 netns $N-s
ip -n $N-c addr add 10.1.0.2/24 dev f0; ip -n $N-d addr add 10.1.0.11/24 dev f0; ip -n $N-d addr add 10.2.0.11/24 dev b0; ip -n $N-s addr add 10.2.0.21/24 dev b0
for x in "c f0" "d f0" "d b0" "s b0"; do set -- $x; ip -n $N-$1 link set $2 up; done
ip -n $N-c route add 203.0.113.10 via 10.1.0.11; ip -n $N-s route add default via 10.2.0.11; at d sysctl -qw net.ipv4.ip_forward=1
printf 'table ip t {\n chain c { type filter hook prerouting priority -300; udp dport 53 drop\n }\n}\n' | at s nft -f -
at d nft -f - <<'RULES'
table ip t {
  map servers { typeof ct mark : ip daddr; elements = { 1 : 10.2.0.21 }
  }
  map clients { typeof ip saddr : ct mark; size 65536; flags dynamic,timeout;
  }
  set recent { typeof ip saddr; size 65536; flags dynamic,timeout; timeout 5s;
  }
  set traffic { typeof ct mark; counter; elements = { 1 }
  }
  map refresh { typeof ct mark : verdict; elements = { 1 : jump keep }
  }
  chain keep {
  }
  chain pre { type nat hook prerouting priority -100; ip daddr 203.0.113.10 udp dport 53 ct mark set 1 dnat to ct mark map @servers
  }
  chain forwarded { type filter hook forward priority 0
  }
}
RULES
cat >$dir/flood.c <<'C'
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(int c, char **v) {
  int n = atoi(v[1]), fd = socket(AF_INET, SOCK_DGRAM, 0); struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(53) };
  inet_aton("203.0.113.10", &a.sin_addr); connect(fd, (void *)&a, sizeof a);
  struct mmsghdr m[64]; struct iovec io = { "twenty bytes of data", 20 }; memset(m, 0, sizeof m);
  for (int i = 0; i < 64; i++) m[i].msg_hdr.msg_iov = &io, m[i].msg_hdr.msg_iovlen = 1;
  struct timespec s, e; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &s);
  for (int i = 0; i < n; i += 64) sendmmsg(fd, m, 64, 0);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &e);
  printf("%.0f\n", ((e.tv_sec - s.tv_sec) * 1e9 + e.tv_nsec - s.tv_nsec) / n);
}
C
cc -O2 -o $dir/flood $dir/flood.c
count='ct status dnat ct direction original ct mark and 0xffff @traffic'
find='ct status dnat ct direction original ct mark and 0xffff vmap @refresh'
update='update @clients { ip saddr timeout 600s : ct mark and 0xffff }'
variant() { at d nft -f - <<RULES
flush chain ip t forwarded
flush chain ip t keep
$1
RULES
}
for round in 1 2 3; do
  for v in accounting "and look-up" "and update" "update once in 5 s"; do
    case $v in
      accounting) variant "add rule ip t forwarded $count" ;;
      "and look-up") variant "add rule ip t forwarded $count
add rule ip t forwarded $find" ;;
      "and update") variant "add rule ip t forwarded $count
add rule ip t forwarded $find
add rule ip t keep $update" ;;
      *) variant "add rule ip t forwarded $count
add rule ip t forwarded $find
add rule ip t keep ip saddr @recent return
add rule ip t keep $update
add rule ip t keep update @recent { ip saddr }" ;;
    esac
    echo "$v: $(at c $dir/flood $packets) ns per packet"
  done
done
