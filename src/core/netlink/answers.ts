/**
 * What the kernel answers to many requests in one datagram, and to a dump: a walk over its messages, without an object for each.
 *
 *   struct nlmsghdr: length u32 | type u16 | flags u16 | sequence u32 | port u32, in the machine's byte order
 *   NLMSG_ERROR:     header | negative errno i32, 0 = acknowledged | header of the request
 */
import { align, LITTLE_ENDIAN } from './attributes.ts';
import { NLMSG_DONE, NLMSG_ERROR, NLMSG_HEADER_BYTES } from './codes.ts';

export interface AnswerListener {
  /** A message with content: where its header begins, and its end. `index` is its request's, from 0 on. */
  message(index: number, type: number, at: number, end: number): void;
  /** A request was refused, by errno (positive), or acknowledged (0). The end of a dump counts as acknowledged. */
  settled(index: number, errno: number): void;
}

/**
 * @param at where the datagram begins in the view
 * @param length its bytes
 * @param first sequence number of the first request
 * @param count how many requests there were: what answers others is passed over
 * @returns false when the messages do not fit into the datagram
 */
export function walkAnswers(
  view: DataView,
  at: number,
  length: number,
  first: number,
  count: number,
  listener: AnswerListener,
): boolean {
  const end = at + length;
  for (let next = at; next < end; ) {
    const bytes = next + NLMSG_HEADER_BYTES <= end ? view.getUint32(next, LITTLE_ENDIAN) : 0;
    if (bytes < NLMSG_HEADER_BYTES || next + bytes > end) return false;
    const index = (view.getUint32(next + 8, LITTLE_ENDIAN) - first) >>> 0;
    if (index < count) {
      const type = view.getUint16(next + 4, LITTLE_ENDIAN);
      if (type !== NLMSG_ERROR && type !== NLMSG_DONE) listener.message(index, type, next, next + bytes);
      else
        listener.settled(
          index,
          bytes < NLMSG_HEADER_BYTES + 4 ? 0 : 0 - view.getInt32(next + NLMSG_HEADER_BYTES, LITTLE_ENDIAN),
        );
    }
    next += align(bytes);
  }
  return true;
}
