/** TLVs inside opaque LSAs (RFC 3623 appendix B, RFC 7770 2.3): type u16, length u16 of the value, the value, zeros to a multiple of four. */

/** Bytes between the end of a value of this length and the next TLV. */
export function filling(length: number): number {
  return (4 - (length % 4)) % 4;
}
