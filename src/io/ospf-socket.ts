/**
 * A raw OSPF socket on one interface, with addresses as numbers and errors as `KernelError`; over `dgram-ospf`.
 *
 * All routers of the link (224.0.0.5) are joined at once; 224.0.0.6 on request, for the designated routers.
 */
import { createSocket, type SystemError } from 'dgram-ospf';
import { formatIpv4, type Ipv4, ipv4 } from '../core/base/ipv4.ts';
import { KernelError } from './kernel-error.ts';

const ALL_SPF_ROUTERS = '224.0.0.5';
const ALL_D_ROUTERS = '224.0.0.6';

export interface OspfPacket {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly ttl: number;
  /** The OSPF packet without IP header, reassembled. Borrowed for the call: copy what is to be kept. */
  readonly bytes: Uint8Array;
}

export interface OspfSocketOptions {
  /** Only for messages; the index decides. */
  readonly interface: string;
  readonly ifindex: number;
  /** Source address of what we send: the interface's primary address. */
  readonly address: Ipv4;
  onPacket(packet: OspfPacket): void;
  onError(error: KernelError): void;
}

export interface OspfSocket {
  /** Sends at once, TTL 1; a failure goes to `onError` with the destination in its values. */
  send(destination: Ipv4, bytes: Uint8Array): void;
  /** Joins 224.0.0.6; harmless when joined already. Throws `KernelError`. */
  joinAllDRouters(): void;
  leaveAllDRouters(): void;
  /** Packets that the kernel dropped because we read too slowly. */
  readonly dropped: number;
  /** No callback follows. Harmless when closed already. */
  close(): void;
}

/**
 * Opens the socket and joins AllSPFRouters. Throws `KernelError` (`ospf-open`: EPERM without CAP_NET_RAW, ENODEV; or
 * `ospf-join`), or the addon's own error with code `ERR_DGRAM_OSPF_LOAD` that says what to install.
 */
export function openOspfSocket(options: OspfSocketOptions): OspfSocket {
  const about = { interface: options.interface, address: formatIpv4(options.address) };
  const socket = attempt('ospf-open', about, () =>
    createSocket({ ifindex: options.ifindex, source: formatIpv4(options.address) }),
  );
  socket.on('message', (bytes, { address, destination, ttl }) => {
    options.onPacket({ source: ipv4(address), destination: ipv4(destination), ttl, bytes });
  });
  socket.on('error', (error) => options.onError(wrap('ospf-receive', about, error)));
  try {
    attempt('ospf-join', about, () => socket.addMembership(ALL_SPF_ROUTERS));
  } catch (error) {
    socket.close();
    throw error;
  }
  let open = true;
  let designated = false;
  return {
    send(destination, bytes) {
      const to = formatIpv4(destination);
      socket.send(bytes, to, (error) => {
        if (error !== null && open) {
          options.onError(wrap('ospf-send', { ...about, destination: to, bytes: bytes.length }, error));
        }
      });
    },
    joinAllDRouters() {
      if (designated) return;
      attempt('ospf-join', about, () => socket.addMembership(ALL_D_ROUTERS));
      designated = true;
    },
    leaveAllDRouters() {
      if (!designated) return;
      designated = false;
      attempt('ospf-leave', about, () => socket.dropMembership(ALL_D_ROUTERS));
    },
    get dropped() {
      return socket.dropped;
    },
    close() {
      open = false;
      socket.close();
    },
  };
}

function attempt<T>(request: string, about: Readonly<Record<string, unknown>>, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (isSystemError(error)) throw wrap(request, about, error);
    throw error;
  }
}

function wrap(request: string, about: Readonly<Record<string, unknown>>, error: SystemError): KernelError {
  return new KernelError(request, { ...about, errno: error.code, text: `(${error.syscall})` }, { cause: error });
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
