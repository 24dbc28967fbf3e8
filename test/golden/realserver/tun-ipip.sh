#!/bin/sh
# Real server s1 10.2.0.21 of cluster edge-1, on eth1

# Packets come with a VIP as their destination, and are answered past the directors (far)

# arp_ignore 1 on every interface
#   else ARP requests for 203.0.113.13 are answered: routers may send clients’ packets past the directors, and all of them here
sysctl -q -w net/ipv4/conf/all/arp_ignore=1

# arp_announce 2 on every interface
#   else own ARP requests may name 203.0.113.13 as the sender: routers learn that it is here, and send clients’ packets past the directors
sysctl -q -w net/ipv4/conf/all/arp_announce=2

# 203.0.113.13/32 on lo
#   else packets for 203.0.113.13 are not this host’s: it drops them, or sends them on, and clients time out
ip address replace 203.0.113.13/32 dev lo

# no default route through a director
#   give it the default route of the routers’ own network

# Packets come in a tunnel: ipip (far)
# Note: a packet that is not TCP has to fit as well: 1480 bytes with its IPv4 header

# a device that takes ipip
#   else what directors send is refused with ICMP "protocol unreachable": clients time out
modprobe ipip || true
ip link set tunl0 up

# rp_filter 0 or 2 on the device that takes ipip
#   else packets of clients whose way back is by another interface are dropped, and counted by nstat as IPReversePathFilter: those clients time out
sysctl -q -w net/ipv4/conf/tunl0/rp_filter=2

# MSS 1440 towards clients: 1500 less 20 of the tunnel and 40 of the packet in it
#   else clients send packets that are too large for the tunnel; where ICMP gets lost, uploads of more than a packet hang
nft -f - <<'END'
table ip sluice_mss_v1 {
}
delete table ip sluice_mss_v1
table ip sluice_mss_v1 {
  set vips {
    typeof ip saddr
    elements = { 203.0.113.13 }
  }
  chain output {
    type filter hook output priority -150; policy accept;
    ip saddr @vips tcp flags & syn == syn tcp option maxseg size set 1440 comment "sluice mss 1440"
  }
}
END
