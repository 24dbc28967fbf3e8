/**
 * The Hello (RFC 2328 A.3.2), after the packet header:
 *
 *     network mask u32
 *     hello interval u16 (s) | options u8 | router priority u8
 *     router dead interval u32 (s)
 *     designated router u32 | backup designated router u32             interface addresses
 *     per neighbor heard: router id u32
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import type { Hello } from './packet.ts';

/**
 * The mask is not judged: on point-to-point links it means nothing (RFC 2328 10.5).
 *
 * @throws DecodeError 'short', 'trailing' (a router id cut off)
 */
export function decodeHello(r: Reader): Hello {
  const networkMask = r.u32();
  const helloInterval = r.u16();
  const options = r.u8();
  const priority = r.u8();
  const deadInterval = r.u32();
  const designatedRouter = r.u32();
  const backupDesignatedRouter = r.u32();
  if (r.remaining % 4 !== 0) throw new DecodeError('trailing', r.offset, 'not a whole number of router ids');
  const neighbors: Ipv4[] = [];
  while (r.remaining > 0) neighbors.push(r.u32());
  return {
    kind: 'hello',
    networkMask,
    helloInterval,
    options,
    priority,
    deadInterval,
    designatedRouter,
    backupDesignatedRouter,
    neighbors,
  };
}

export function encodeHello(w: Writer, hello: Hello): void {
  w.u32(hello.networkMask)
    .u16(hello.helloInterval)
    .u8(hello.options)
    .u8(hello.priority)
    .u32(hello.deadInterval)
    .u32(hello.designatedRouter)
    .u32(hello.backupDesignatedRouter);
  for (const neighbor of hello.neighbors) w.u32(neighbor);
}

/** Bytes after the packet header. */
export function helloLength(hello: Hello): number {
  return 20 + 4 * hello.neighbors.length;
}
