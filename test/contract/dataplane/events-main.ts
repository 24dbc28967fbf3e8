/** Listens to what conntrack tells inside a director's namespace, by JSON lines: `take` hands out what came since the last time. */
import { NetlinkReader as Messages } from 'netlink-batch';
import { LITTLE_ENDIAN, NetlinkReader } from '../../../src/core/netlink/attributes.ts';
import { serve } from './json-lines.ts';

const NETLINK_NETFILTER = 12;
/** NFNLGRP_CONNTRACK_NEW, _UPDATE, _DESTROY. */
const GROUPS = [1, 2, 3];
const IPCTNL_MSG_CT_DELETE = 2;
const NLM_F_CREATE = 0x400;

/** Attributes by linux/netfilter/nfnetlink_conntrack.h. */
const CTA = { tupleOrig: 1, protoinfo: 4, mark: 8, tupleProto: 2, sourcePort: 2, tcp: 1, tcpState: 1 } as const;
const STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
];

interface ConntrackEvent {
  readonly kind: 'new' | 'update' | 'destroy';
  /** Of the client. */
  readonly sport: number;
  readonly mark: number;
  /** Empty when the message says nothing of the protocol. */
  readonly state: string;
}

function nested(reader: NetlinkReader | undefined, ...path: readonly number[]): NetlinkReader | undefined {
  return path.reduce<NetlinkReader | undefined>((inner, type) => inner?.attributes(0).get(type), reader);
}

function decode(type: number, flags: number, payload: Uint8Array): ConntrackEvent {
  const attributes = new NetlinkReader(payload).attributes(4);
  const port = nested(attributes.get(CTA.tupleOrig), CTA.tupleProto, CTA.sourcePort);
  const state = nested(attributes.get(CTA.protoinfo), CTA.tcp, CTA.tcpState);
  const created = (flags & NLM_F_CREATE) !== 0;
  return {
    kind: (type & 0xff) === IPCTNL_MSG_CT_DELETE ? 'destroy' : created ? 'new' : 'update',
    sport: port === undefined ? 0 : swapped(port.u16(0)),
    mark: networkOrder(attributes.get(CTA.mark)),
    state: state === undefined ? '' : (STATES[state.u8(0)] ?? String(state.u8(0))),
  };
}

const swapped = (value: number): number => (LITTLE_ENDIAN ? ((value & 0xff) << 8) | (value >> 8) : value);
const networkOrder = (value: NetlinkReader | undefined): number => value?.ipv4(0) ?? 0;

let events: (ConntrackEvent | 'lost')[] = [];
const reader = new Messages({ protocol: NETLINK_NETFILTER, groups: GROUPS });
reader.on('message', (type, flags, payload) => void events.push(decode(type, flags, payload)));
reader.on('lost', () => void events.push('lost'));

serve({
  ready: async () => {},
  take: async () => {
    const taken = events;
    events = [];
    return taken;
  },
});
