/** How packets are wrapped on their way to a real server (`forward: tun`), in the words of ip-link(8) and ipvsadm(8). */

/** IP in IP (RFC 2003); the same inside UDP (generic UDP encapsulation); GRE (RFC 2784). */
export const TUNNEL_TYPES = ['ipip', 'gue', 'gre'] as const;

/**
 * Of the outer header: none; a checksum of its own; `remote`: GUE's remote checksum offload, by which the inner packet's checksum
 * is left to the receiver.
 */
export const TUNNEL_CHECKSUMS = ['none', 'checksum', 'remote'] as const;

export interface Tunnel {
  readonly type: (typeof TUNNEL_TYPES)[number];
  /** The UDP port of GUE at the real servers; undefined with the others. */
  readonly port?: number | undefined;
  readonly checksum: (typeof TUNNEL_CHECKSUMS)[number];
}

/** The port that the Linux documents use for GUE, and IANA's. */
export const GUE_PORT = 6080;

/** `ipip`, `gue port 6080 checksum remote`, `gre checksum`. */
export function formatTunnel({ type, port, checksum }: Tunnel): string {
  const at = port === undefined ? '' : ` port ${port}`;
  const sum = { none: '', checksum: ' checksum', remote: ' checksum remote' }[checksum];
  return `${type}${at}${sum}`;
}
