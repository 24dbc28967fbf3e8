/**
 * Code points of ctnetlink (linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h, nf_conntrack_tcp.h), each with what
 * its value is; those that we use. Numbers in attributes are in network order.
 */

/** Message types: the subsystem in the high byte. New and changed connections have the same. */
export const NFNL_SUBSYS_CTNETLINK = 1 << 8;
export const IPCTNL_MSG_CT_NEW = NFNL_SUBSYS_CTNETLINK | 0;
export const IPCTNL_MSG_CT_GET = NFNL_SUBSYS_CTNETLINK | 1;
export const IPCTNL_MSG_CT_DELETE = NFNL_SUBSYS_CTNETLINK | 2;

/** Multicast groups, by number. */
export const NFNLGRP_CONNTRACK_NEW = 1;
export const NFNLGRP_CONNTRACK_UPDATE = 2;
export const NFNLGRP_CONNTRACK_DESTROY = 3;

/** Packets went both ways. */
export const IPS_SEEN_REPLY = 1 << 1;
/** Both ends have sent; for TCP the handshake is done. Such an entry is not given up early for want of room. */
export const IPS_ASSURED = 1 << 2;
/** It is in the table; what is put into it has to say so. */
export const IPS_CONFIRMED = 1 << 3;
export const IPS_SRC_NAT = 1 << 4;
export const IPS_DST_NAT = 1 << 5;

/** States of TCP as conntrack counts them. */
export const TCP_CONNTRACK_SYN_SENT = 1;
export const TCP_CONNTRACK_SYN_RECV = 2;
export const TCP_CONNTRACK_ESTABLISHED = 3;
export const TCP_CONNTRACK_FIN_WAIT = 4;
export const TCP_CONNTRACK_LAST_ACK = 6;
export const TCP_CONNTRACK_TIME_WAIT = 7;
export const TCP_CONNTRACK_CLOSE = 8;

/** Of a TCP connection in one direction: it has told its window scale; what lies outside the window is let pass. */
export const IP_CT_TCP_FLAG_WINDOW_SCALE = 0x01;
export const IP_CT_TCP_FLAG_BE_LIBERAL = 0x08;

/** Nests: tuples as they are sent, and as they are answered. */
export const CTA_TUPLE_ORIG = 1;
export const CTA_TUPLE_REPLY = 2;
/** u32 */
export const CTA_STATUS = 3;
/** Nest. */
export const CTA_PROTOINFO = 4;
/** Nests: what is translated to which. */
export const CTA_NAT_SRC = 6;
export const CTA_NAT_DST = 13;
/** u32 each. */
export const CTA_TIMEOUT = 7;
export const CTA_MARK = 8;
export const CTA_ID = 12;
export const CTA_MARK_MASK = 21;
export const CTA_STATUS_MASK = 26;

/** In a tuple: nests. */
export const CTA_TUPLE_IP = 1;
export const CTA_TUPLE_PROTO = 2;
export const CTA_IP_V4_SRC = 1;
export const CTA_IP_V4_DST = 2;
/** u8, u16, u16 */
export const CTA_PROTO_NUM = 1;
export const CTA_PROTO_SRC_PORT = 2;
export const CTA_PROTO_DST_PORT = 3;

/** In CTA_PROTOINFO: a nest; in it u8 each, and flags with a mask, a byte each. */
export const CTA_PROTOINFO_TCP = 1;
export const CTA_PROTOINFO_TCP_STATE = 1;
export const CTA_PROTOINFO_TCP_WSCALE_ORIGINAL = 2;
export const CTA_PROTOINFO_TCP_WSCALE_REPLY = 3;
export const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL = 4;
export const CTA_PROTOINFO_TCP_FLAGS_REPLY = 5;

/** In CTA_NAT_SRC and CTA_NAT_DST: u32, u32, a nest; in it u16, u16. */
export const CTA_NAT_V4_MINIP = 1;
export const CTA_NAT_V4_MAXIP = 2;
export const CTA_NAT_PROTO = 3;
export const CTA_PROTONAT_PORT_MIN = 1;
export const CTA_PROTONAT_PORT_MAX = 2;
