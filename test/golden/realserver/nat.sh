#!/bin/sh
# Real server s1 10.2.0.21 of cluster edge-1, on eth1

# Answers go back to the director that the question came from, which translates them (web)

# rp_filter 0 or 2 on eth1
#   else packets of clients whose way back is by another interface are dropped, and counted by nstat as IPReversePathFilter: those clients time out
sysctl -q -w net/ipv4/conf/eth1/rp_filter=2

# a default route, wherever it leads
#   else the kernel looks for a way to the client before the answer is marked, finds none and gives up: clients time out
ip route replace default via 10.2.0.11 dev eth1 metric 60000

# nft table sluice_return_v1: connections remember whether they came by d1 or d2
#   else answers to connections that came by d1 or d2 go to another director, or past them all: it cannot translate them, and clients time out
nft -f - <<'END'
table ip sluice_return_v1 {
}
delete table ip sluice_return_v1
table ip sluice_return_v1 {
  map directors {
    typeof ether saddr : ct mark
    elements = { 02:00:00:00:00:d1 : 1, 02:00:00:00:00:d2 : 2 }
  }
  set interfaces {
    typeof iifname
    elements = { "eth1" }
  }
  set servers {
    typeof ip daddr
    elements = { 10.2.0.21 }
  }
  chain prerouting {
    type filter hook prerouting priority -150; policy accept;
    iifname @interfaces ip daddr @servers ct direction original ct mark set ether saddr map @directors comment "sluice return in"
  }
  chain output {
    type route hook output priority -150; policy accept;
    ct direction reply ct mark != 0 meta mark set ct mark comment "sluice return out"
  }
}
END

# table 101: default via 10.2.0.11, director d1
#   else answers to connections that came by d1 go to another director, or past them all: it cannot translate them, and clients time out
ip route replace default via 10.2.0.11 dev eth1 table 101

# ip rule: mark 1 to table 101, director d1
#   else answers to connections that came by d1 go to another director, or past them all: it cannot translate them, and clients time out
ip rule add fwmark 1 lookup 101

# table 102: default via 10.2.0.12, director d2
#   else answers to connections that came by d2 go to another director, or past them all: it cannot translate them, and clients time out
ip route replace default via 10.2.0.12 dev eth1 table 102

# ip rule: mark 2 to table 102, director d2
#   else answers to connections that came by d2 go to another director, or past them all: it cannot translate them, and clients time out
ip rule add fwmark 2 lookup 102
