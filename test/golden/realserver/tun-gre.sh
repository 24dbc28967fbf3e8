#!/bin/sh
# Real server s1 10.2.0.21 of cluster edge-1, on eth1

# Packets come with a VIP as their destination, and are answered past the directors (log, sum)

# arp_ignore 1 on every interface
#   else ARP requests for 203.0.113.15, 203.0.113.16 are answered: routers may send clients’ packets past the directors, and all of them here
sysctl -q -w net/ipv4/conf/all/arp_ignore=1

# arp_announce 2 on every interface
#   else own ARP requests may name 203.0.113.15, 203.0.113.16 as the sender: routers learn that it is here, and send clients’ packets past the directors
sysctl -q -w net/ipv4/conf/all/arp_announce=2

# 203.0.113.15/32 on lo
#   else packets for 203.0.113.15 are not this host’s: it drops them, or sends them on, and clients time out
ip address replace 203.0.113.15/32 dev lo

# 203.0.113.16/32 on lo
#   else packets for 203.0.113.16 are not this host’s: it drops them, or sends them on, and clients time out
ip address replace 203.0.113.16/32 dev lo

# no default route through a director
#   give it the default route of the routers’ own network

# Packets come in a tunnel: gre, gre checksum (log, sum)
# Note: a packet that is not TCP has to fit as well: 1472 bytes with its IPv4 header

# a device that takes gre without checksums
#   else what directors send is refused with ICMP "protocol unreachable": clients time out
modprobe ip_gre || true
ip link set gre0 up

# rp_filter 0 or 2 on the device that takes gre without checksums
#   else packets of clients whose way back is by another interface are dropped, and counted by nstat as IPReversePathFilter: those clients time out
sysctl -q -w net/ipv4/conf/gre0/rp_filter=2

# a device that takes gre with checksums
#   else what directors send is refused with ICMP "protocol unreachable": clients time out
modprobe ip_gre || true
ip link add sluice-gre type gre local 10.2.0.21 remote any icsum ocsum || true
ip link set sluice-gre up

# rp_filter 0 or 2 on the device that takes gre with checksums
#   else packets of clients whose way back is by another interface are dropped, and counted by nstat as IPReversePathFilter: those clients time out
sysctl -q -w net/ipv4/conf/sluice-gre/rp_filter=2

# MSS 1432 towards clients: 1500 less 28 of the tunnel and 40 of the packet in it
#   else clients send packets that are too large for the tunnel; where ICMP gets lost, uploads of more than a packet hang
nft -f - <<'END'
table ip sluice_mss_v1 {
}
delete table ip sluice_mss_v1
table ip sluice_mss_v1 {
  set vips {
    typeof ip saddr
    elements = { 203.0.113.15, 203.0.113.16 }
  }
  chain output {
    type filter hook output priority -150; policy accept;
    ip saddr @vips tcp flags & syn == syn tcp option maxseg size set 1432 comment "sluice mss 1432"
  }
}
END
