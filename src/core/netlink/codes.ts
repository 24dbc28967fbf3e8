/**
 * Code points of netlink and of rtnetlink (linux/netlink.h, linux/netfilter/nfnetlink.h, linux/rtnetlink.h, linux/if_link.h,
 * linux/if_addr.h); those that we use.
 */

/** Protocols of sockets. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** `struct nlmsghdr`, before every message; `struct nfgenmsg`, behind it in those of netfilter. */
export const NLMSG_HEADER_BYTES = 16;
export const NFGENMSG_BYTES = 4;

/** Message types of every protocol: a refusal or acknowledgement, and the end of a dump. Both begin with the negative errno, or 0. */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

/** Multicast groups, by number. */
export const RTNLGRP_LINK = 1;
export const RTNLGRP_IPV4_IFADDR = 5;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;

export const IFF_UP = 0x1;
/** The driver says that there is a carrier. */
export const IFF_LOWER_UP = 0x10000;
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINKINFO = 18;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const IFLA_VXLAN_ID = 1;
export const IFLA_VXLAN_LOCAL = 4;
export const IFLA_VXLAN_LEARNING = 7;
export const IFLA_VXLAN_PORT = 15;

export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
export const IFA_PROTO = 11;
export const IFA_F_SECONDARY = 0x1;

export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;
/** In a delete request: any scope. */
export const RT_SCOPE_NOWHERE = 255;
/** The next hop is on this link, whatever the addresses say. */
export const RTNH_F_ONLINK = 4;
/** The route is a cached exception, not a route of the table. */
export const RTM_F_CLONED = 0x200;

export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_PRIORITY = 6;
export const RTA_MULTIPATH = 9;
export const RTA_TABLE = 15;

/** Neighbours (linux/neighbour.h), of which the forwarding entries of a tunnel device are a kind. */
export const NDA_DST = 1;
export const NDA_LLADDR = 2;
export const NUD_PERMANENT = 0x80;
/** As if a packet had to go there: the kernel asks for the MAC. */
export const NTF_USE = 0x01;
/** Of the device itself, not of a bridge that it is a port of. */
export const NTF_SELF = 0x02;
