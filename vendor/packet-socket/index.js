/**
 * Opens a packet socket: the JavaScript face of src/packet_socket.c.
 *
 * What it does not do: it writes and closes nothing, and receives nothing.
 */
import { createRequire } from 'node:module';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';

const require = createRequire(import.meta.url);
let native;

/** Loads the native part now instead of at the first socket; throws `ERR_PACKET_SOCKET_LOAD` with what to install. */
export function load() {
  if (native !== undefined) return;
  try {
    native = require('./build/Release/packet_socket.node');
  } catch (cause) {
    const why = cause.code === 'MODULE_NOT_FOUND' ? 'it has not been built' : cause.message;
    const text =
      `the native part of packet-socket cannot be loaded: ${why}. Install the build tools ` +
      '(apt-get install build-essential python3), then run: npm rebuild packet-socket';
    throw Object.assign(new Error(text, { cause }), { code: 'ERR_PACKET_SOCKET_LOAD' });
  }
}

/** A descriptor for frames that leave by an interface. */
export function open(ifindex) {
  load();
  const result = native.open(ifindex);
  if (typeof result === 'number') return result;
  throw systemError(result.errno, result.syscall);
}

/** An error as Node's own: `code` (`EPERM`), `errno` (negative), `syscall`. */
function systemError(errno, syscall) {
  const code = getSystemErrorName(errno);
  const meaning = getSystemErrorMap().get(errno)?.[1] ?? code;
  return Object.assign(new Error(`${code}: ${meaning}, ${syscall}`), { code, errno, syscall });
}
