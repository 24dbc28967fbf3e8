/** Why bytes from outside were refused. A closed set, so that it can be a counter label. */
export type DecodeReason =
  | 'short'
  | 'length'
  | 'version'
  | 'type'
  | 'checksum'
  /** Authentication of another type than ours, or none. */
  | 'authType'
  | 'authPassword'
  /** A key id that is not accepted. */
  | 'authKey'
  /** Right key id, wrong digest: another secret or another algorithm. */
  | 'authDigest'
  | 'value'
  | 'trailing';

/**
 * A peer sent bytes that do not decode. Counted and dropped by whoever called the decoder; never logged with a stack,
 * never allowed to leave the packet handler.
 */
export class DecodeError extends Error {
  readonly reason: DecodeReason;
  /** Byte offset, from the start of the buffer that was given to the decoder, at which decoding stopped. */
  readonly offset: number;

  constructor(reason: DecodeReason, offset: number, detail?: string) {
    super(detail === undefined ? `${reason} at byte ${offset}` : `${reason} at byte ${offset}: ${detail}`);
    this.name = 'DecodeError';
    this.reason = reason;
    this.offset = offset;
  }
}
