/**
 * A packet socket (packet(7)) for an interface of this network namespace. Each write is one Ethernet frame, with its header, that
 * leaves by it; nothing is received. The caller closes the descriptor.
 *
 * Throws an error as Node's own system errors (`EPERM` without CAP_NET_RAW, `ENODEV` for an index that no interface has,
 * `ENETDOWN`), or one with code `ERR_PACKET_SOCKET_LOAD`.
 */
export function open(ifindex: number): number;

/** Loads the native part now instead of at the first socket; throws an error with code `ERR_PACKET_SOCKET_LOAD`. */
export function load(): void;
