/**
 * Has anybody changed services? Told by /proc/net/ip_vs: the whole table in some hundred reads, where netlink takes a request for each
 * service's destinations and ten times as long.
 *
 *     IP Virtual Server version 1.2.1 (size=4096)
 *     Prot LocalAddress:Port Scheduler Flags
 *       -> RemoteAddress:Port Forward Weight ActiveConn InActConn
 *     TCP  CB71000A:0050 mh
 *       -> 0A020015:0050      Masq    1      3          14
 *
 * In: what is in the file. Out: whether it says the same as before, but for the numbers of connections, which stand in the last two
 * columns, each ten characters wide. It is not taken apart: whoever wants to know what has changed asks by netlink. Nor does the
 * file show all: bounds of destinations, tunnels and flags of schedulers are not in it (`ip_vs_info_seq_show` in the kernel's
 * net/netfilter/ipvs/ip_vs_ctl.c).
 */

const NEWLINE = 0x0a;
/** What the line of a destination begins with. */
const ARROW = [0x20, 0x20, 0x2d, 0x3e] as const;
/** Two columns of ten, and a space between. */
const COUNTS = 21;
const WORD = 4;

/** The bytes as numbers, those at the end that make no whole word as a number of their own. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(Math.ceil(bytes.length / WORD));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

/** A bit for each bit that counts. */
function maskOf(bytes: Uint8Array): Uint32Array {
  const mask = new Uint32Array(Math.ceil(bytes.length / WORD));
  const byByte = new Uint8Array(mask.buffer).fill(0xff);
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const isDestination = ARROW.every((char, at) => bytes[start + at] === char);
    if (isDestination && end - start > COUNTS) byByte.fill(0, end - COUNTS, end);
    start = end + 1;
  }
  return mask;
}

/** A listing as it once was, to hold later ones against. */
export class IpvsListing {
  readonly #bytes: number;
  readonly #words: Uint32Array;
  readonly #mask: Uint32Array;

  /** Copies what it needs of the file. */
  constructor(file: Uint8Array) {
    this.#bytes = file.length;
    this.#words = wordsOf(file);
    this.#mask = maskOf(file);
  }

  /** @param file begins at a word of its memory */
  isSame(file: Uint8Array): boolean {
    if (file.length !== this.#bytes) return false;
    const [words, mask] = [this.#words, this.#mask];
    const whole = file.length >> 2;
    const now = new Uint32Array(file.buffer, file.byteOffset, whole);
    for (let at = 0; at < whole; at++) if (((now[at]! ^ words[at]!) & mask[at]!) !== 0) return false;
    const [rest, last] = [file.subarray(whole * WORD), whole];
    return rest.length === 0 || ((wordsOf(rest)[0]! ^ words[last]!) & mask[last]!) === 0;
  }
}
