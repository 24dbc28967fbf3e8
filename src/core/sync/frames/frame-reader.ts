/**
 * Cuts a stream of bytes into frames, whatever pieces it comes in.
 *
 * In: what the transport read. Out: kind and payload of every frame that is complete. A payload that lies whole in what was
 * pushed is a view of it; one that came in pieces is copied once, into a buffer of its size. Nothing is kept of frames that
 * were handed out, so memory is bounded by one frame. What a frame says is `frames/codec.ts`'s business.
 */
import { u32At } from '../../base/big-endian.ts';
import { DecodeError } from '../../base/decode-error.ts';
import { HEADER_BYTES, MAX_PAYLOAD } from './codes.ts';

/** Offsets in the header. */
const KIND = 4;

export class FrameReader {
  readonly #on: (kind: number, payload: Uint8Array) => void;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerLength = 0;
  /** Of the frame under way, once its header is complete. */
  #payload: Uint8Array | undefined;
  #payloadLength = 0;
  #broken: DecodeError | undefined;

  /** @param on hears of every frame in order; must not push */
  constructor(on: (kind: number, payload: Uint8Array) => void) {
    this.#on = on;
  }

  /** Bytes held of a frame that is not complete. */
  get pending(): number {
    return this.#headerLength + this.#payloadLength;
  }

  /**
   * The next bytes of the stream. They must not be written to afterwards: payloads are views of them.
   *
   * @throws DecodeError 'length' when a frame says to be longer than `MAX_PAYLOAD`: where the next would begin is not known,
   * so this and all further bytes of the stream are refused. Frames before it were handed out. What `on` throws passes.
   */
  push(bytes: Uint8Array): void {
    if (this.#broken !== undefined) throw this.#broken;
    let at = this.#complete(bytes);
    while (bytes.length - at >= HEADER_BYTES) {
      const length = this.#lengthAt(bytes, at);
      const end = at + HEADER_BYTES + length;
      if (end > bytes.length) break;
      const begin = at + HEADER_BYTES;
      const kind = bytes[at + KIND]!;
      at = end;
      this.#on(kind, bytes.subarray(begin, end));
    }
    this.#keep(bytes, at);
  }

  /** Fills the frame under way, and hands it out if that completes it. Returns how many bytes that took. */
  #complete(bytes: Uint8Array): number {
    if (this.#headerLength === 0) return 0;
    let at = this.#fillHeader(bytes, 0);
    const payload = this.#payload;
    if (payload === undefined) return at;
    at = this.#fillPayload(bytes, at, payload);
    if (this.#payloadLength < payload.length) return at;
    const kind = this.#header[KIND]!;
    this.#headerLength = 0;
    this.#payloadLength = 0;
    this.#payload = undefined;
    this.#on(kind, payload);
    return at;
  }

  /** The bytes that begin a frame without ending it. */
  #keep(bytes: Uint8Array, at: number): void {
    if (at === bytes.length) return;
    const behind = this.#fillHeader(bytes, at);
    if (this.#payload !== undefined) this.#fillPayload(bytes, behind, this.#payload);
  }

  #fillHeader(bytes: Uint8Array, at: number): number {
    if (this.#payload !== undefined) return at;
    const count = Math.min(HEADER_BYTES - this.#headerLength, bytes.length - at);
    this.#header.set(bytes.subarray(at, at + count), this.#headerLength);
    this.#headerLength += count;
    if (this.#headerLength === HEADER_BYTES) this.#payload = new Uint8Array(this.#lengthAt(this.#header, 0));
    return at + count;
  }

  #fillPayload(bytes: Uint8Array, at: number, payload: Uint8Array): number {
    const count = Math.min(payload.length - this.#payloadLength, bytes.length - at);
    payload.set(bytes.subarray(at, at + count), this.#payloadLength);
    this.#payloadLength += count;
    return at + count;
  }

  #lengthAt(bytes: Uint8Array, at: number): number {
    const length = u32At(bytes, at);
    if (length <= MAX_PAYLOAD) return length;
    this.#broken = new DecodeError('length', at, `a frame of ${length} bytes`);
    throw this.#broken;
  }
}
