#!/bin/sh
# Real server s1 10.2.0.21 of cluster edge-1, on eth1

# Packets come with a VIP as their destination, and are answered past the directors (api)

# arp_ignore 1 on every interface
#   else ARP requests for 203.0.113.11, 203.0.113.12 are answered: routers may send clients’ packets past the directors, and all of them here
sysctl -q -w net/ipv4/conf/all/arp_ignore=1

# arp_announce 2 on every interface
#   else own ARP requests may name 203.0.113.11, 203.0.113.12 as the sender: routers learn that it is here, and send clients’ packets past the directors
sysctl -q -w net/ipv4/conf/all/arp_announce=2

# 203.0.113.11/32 on lo
#   else packets for 203.0.113.11 are not this host’s: it drops them, or sends them on, and clients time out
ip address replace 203.0.113.11/32 dev lo

# 203.0.113.12/32 on lo
#   else packets for 203.0.113.12 are not this host’s: it drops them, or sends them on, and clients time out
ip address replace 203.0.113.12/32 dev lo

# rp_filter 0 or 2 on eth1
#   else packets of clients whose way back is by another interface are dropped, and counted by nstat as IPReversePathFilter: those clients time out
sysctl -q -w net/ipv4/conf/eth1/rp_filter=2

# no default route through a director
#   give it the default route of the routers’ own network
