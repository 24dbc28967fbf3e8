/**
 * Which events of connections wake us: socket filters, so that the others cost nothing but their making, and cannot fill the
 * socket's buffer either.
 *
 * An event is of ours when its mark has a server's id; the mark is in every event when it is not 0. Who caused it is in its
 * header: 0 for packets and time, else the port of the socket that asked for it.
 */
import { IPPROTO_UDP } from '../base/ip-protocol.ts';
import { LITTLE_ENDIAN, NLA_HEADER } from './attributes.ts';
import { asLoaded32, assemble, Bpf, type BpfStep, DROP, FIND_ATTRIBUTE, type FilterInstruction, PASS } from './bpf.ts';
import { AF_INET, NFGENMSG_BYTES, NLMSG_HEADER_BYTES } from './codes.ts';
import {
  CTA_MARK,
  CTA_PROTOINFO,
  CTA_STATUS,
  IPCTNL_MSG_CT_DELETE,
  IPS_ASSURED,
  IPS_SEEN_REPLY,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_ESTABLISHED,
  TCP_CONNTRACK_FIN_WAIT,
  TCP_CONNTRACK_LAST_ACK,
} from './conntrack-codes.ts';

const ATTRIBUTES = NLMSG_HEADER_BYTES + NFGENMSG_BYTES;
/** The number of the message, without its subsystem. */
const TYPE_BYTE = LITTLE_ENDIAN ? 4 : 5;
const PORT_ID = 12;
const FAMILY = NLMSG_HEADER_BYTES;
/** The tuple comes first, laid out as `flow.ts` says. */
const PROTOCOL = ATTRIBUTES + 32;
/** In CTA_PROTOINFO { CTA_PROTOINFO_TCP { CTA_PROTOINFO_TCP_STATE. */
const STATE = 3 * NLA_HEADER;
const MARK_MEMORY = 0;

/** A = the value of the attribute; nothing of it: to `absent`. */
const wordOf = (type: number, absent: string): BpfStep[] => [
  { code: Bpf.loadNumber, k: ATTRIBUTES },
  { code: Bpf.setX, k: type },
  { code: Bpf.loadWord, k: FIND_ATTRIBUTE },
  { code: Bpf.ifEqual, k: 0, yes: absent },
  { code: Bpf.copyToX },
  { code: Bpf.loadWordAtX, k: NLA_HEADER },
];

/** A = the state of TCP. */
const stateOf = (absent: string): BpfStep[] => [...wordOf(CTA_PROTOINFO, absent), { code: Bpf.loadByteAtX, k: STATE }];

const ifStatusHas = (bit: number): BpfStep[] => [
  ...wordOf(CTA_STATUS, DROP),
  { code: Bpf.ifAnyBit, k: bit, yes: PASS, no: DROP },
];

/**
 * Lets pass events of connections that have a bit of `mask` in their mark.
 */
export function markFilter(mask: number): readonly FilterInstruction[] {
  return assemble([...wordOf(CTA_MARK, DROP), { code: Bpf.ifAnyBit, k: mask, yes: PASS, no: DROP }]);
}

/** Bits of the mark that the filters look at. */
export interface MarkBits {
  readonly serverId: number;
  /** Somebody else carries the connection. */
  readonly replica: number;
  /** A packet of the client has made it ours. */
  readonly moved: number;
}

/** IPv4, marked, and not caused by the socket with this port. The mark is in A and in the memory. */
const ofOthers = (portId: number): BpfStep[] => [
  { code: Bpf.loadWord, k: PORT_ID },
  { code: Bpf.ifEqual, k: asLoaded32(portId), yes: DROP },
  { code: Bpf.loadByte, k: FAMILY },
  { code: Bpf.ifEqual, k: AF_INET, no: DROP },
  ...wordOf(CTA_MARK, DROP),
  { code: Bpf.store, k: MARK_MEMORY },
];

/**
 * For the groups UPDATE and DESTROY: what has to be told of connections once they are established, or answered (UDP).
 *
 *   established    with ASSURED
 *   FIN_WAIT, CLOSE_WAIT    of what somebody else carries: such a connection lives on, but its owner may not see this side of it
 *   LAST_ACK and later      always
 *   no state       UDP that was answered
 *   destroyed      what was told before; but not what was told to be over, which LAST_ACK and TIME_WAIT of our own were
 *
 * @param portId of the socket whose doings are not to be told
 * @param all any event of a connection with a server's id instead; then the group NEW is of use, too
 */
export function eventFilter(
  portId: number,
  { serverId, replica }: MarkBits,
  all: boolean,
): readonly FilterInstruction[] {
  const start: (BpfStep | string)[] = [
    ...ofOthers(portId),
    { code: Bpf.ifAnyBit, k: serverId, no: DROP, ...(all ? { yes: PASS } : {}) },
  ];
  if (all) return assemble(start);
  return assemble([
    ...start,
    { code: Bpf.loadByte, k: TYPE_BYTE },
    { code: Bpf.ifEqual, k: IPCTNL_MSG_CT_DELETE & 0xff, yes: 'destroyed' },
    ...stateOf('stateless'),
    { code: Bpf.ifAtLeast, k: TCP_CONNTRACK_CLOSE + 1, yes: DROP },
    { code: Bpf.ifAtLeast, k: TCP_CONNTRACK_LAST_ACK, yes: PASS },
    { code: Bpf.ifAtLeast, k: TCP_CONNTRACK_FIN_WAIT, yes: 'of a replica' },
    { code: Bpf.ifEqual, k: TCP_CONNTRACK_ESTABLISHED, no: DROP },
    ...ifStatusHas(IPS_ASSURED),
    'destroyed',
    ...stateOf('stateless'),
    { code: Bpf.ifAtLeast, k: TCP_CONNTRACK_CLOSE, yes: 'assured' },
    { code: Bpf.ifAtLeast, k: TCP_CONNTRACK_LAST_ACK, yes: 'of a replica' },
    'assured',
    ...ifStatusHas(IPS_ASSURED),
    'stateless',
    { code: Bpf.loadByte, k: PROTOCOL },
    { code: Bpf.ifEqual, k: IPPROTO_UDP, no: DROP },
    ...ifStatusHas(IPS_SEEN_REPLY),
    'of a replica',
    { code: Bpf.loadMemory, k: MARK_MEMORY },
    { code: Bpf.ifAnyBit, k: replica, yes: PASS, no: DROP },
  ]);
}

/**
 * For the group UPDATE: connections that a packet of the client has moved to us. What is over at the same time is not among
 * them: `eventFilter` lets that pass.
 */
export function claimFilter(portId: number, { moved }: MarkBits): readonly FilterInstruction[] {
  return assemble([
    ...ofOthers(portId),
    { code: Bpf.ifAnyBit, k: moved, no: DROP },
    ...stateOf(PASS),
    { code: Bpf.ifAtLeast, k: TCP_CONNTRACK_LAST_ACK, yes: DROP, no: PASS },
  ]);
}
