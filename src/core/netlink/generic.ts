/**
 * Generic netlink (linux/genetlink.h): families by name, each with commands of its own.
 *
 *   struct genlmsghdr: command u8 | version u8 | reserved u16, then attributes
 *
 * A family's number is given out when its module is loaded; the family `nlctrl` tells it, and has the kernel load the module.
 * Inputs and outputs: whole datagrams of netlink messages, and the attributes in them.
 */
import { NetlinkReader, NetlinkWriter } from './attributes.ts';
import { NLM_F_REQUEST } from './codes.ts';

export const NETLINK_GENERIC = 16;
/** The message type of `nlctrl` itself. */
export const GENL_ID_CTRL = 0x10;
export const CTRL_VERSION = 2;
export const CTRL_CMD_GETFAMILY = 3;
export const CTRL_CMD_NEWFAMILY = 1;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;

export const GENL_HEADER_BYTES = 4;

/** One request to a family. */
export interface GenericMessage {
  readonly command: number;
  /** Beside NLM_F_REQUEST, which all of them have. */
  readonly flags: number;
  /** Into the datagram: bytes of its own for each of ten thousand requests would cost as much as all the rest. */
  readonly attributes: WriteAttributes;
}

export type WriteAttributes = (w: NetlinkWriter) => void;

export const NO_ATTRIBUTES: WriteAttributes = () => {};

/** The attributes of CTRL_CMD_GETFAMILY, without the final zero that `NLA_NUL_STRING` allows to be left out nowhere. */
export function encodeFamilyRequest(w: NetlinkWriter, name: string): void {
  w.attribute(CTRL_ATTR_FAMILY_NAME, () => w.text(name));
}

/** The payload of an answer, generic header included, for whoever stands for the kernel. */
export function encodeAnswer(attributes: WriteAttributes): Uint8Array {
  const w = new NetlinkWriter().u32(0);
  attributes(w);
  return w.finish();
}

/** The number in the payload of an answer, generic header included. @throws DecodeError; `undefined` when it names none */
export function decodeFamily(payload: Uint8Array): number | undefined {
  return new NetlinkReader(payload).attributes(GENL_HEADER_BYTES).get(CTRL_ATTR_FAMILY_ID)?.u16(0);
}

/** The same answer, for whoever stands for the kernel. */
export function encodeFamily(id: number): Uint8Array {
  const w = new NetlinkWriter().u8(CTRL_CMD_NEWFAMILY).u8(CTRL_VERSION).u16(0);
  return w.attribute(CTRL_ATTR_FAMILY_ID, () => w.u16(id)).finish();
}

/**
 * The messages, one after the other in one datagram, with the sequence numbers from `first` on.
 *
 * @param type number of the family
 */
export function encodeGeneric(
  type: number,
  version: number,
  messages: readonly GenericMessage[],
  first: number,
): Uint8Array {
  const w = new NetlinkWriter();
  for (const [index, { command, flags, attributes }] of messages.entries()) {
    const start = w.position;
    w.u32(0).u16(type);
    w.u16(flags | NLM_F_REQUEST).u32((first + index) >>> 0);
    w.u32(0).u8(command).u8(version);
    w.u16(0);
    attributes(w);
    w.endMessage(start);
  }
  return w.finish();
}
