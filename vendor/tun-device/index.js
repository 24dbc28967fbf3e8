/**
 * Makes a TUN device of an open /dev/net/tun: the JavaScript face of src/tun_device.c.
 *
 * What it does not do: it opens, reads, writes and closes nothing, and does not bring the device up.
 */
import { createRequire } from 'node:module';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';

const require = createRequire(import.meta.url);
let native;

/** Loads the native part now instead of at the first device; throws `ERR_TUN_DEVICE_LOAD` with what to install. */
export function load() {
  if (native !== undefined) return;
  try {
    native = require('./build/Release/tun_device.node');
  } catch (cause) {
    const why = cause.code === 'MODULE_NOT_FOUND' ? 'it has not been built' : cause.message;
    const text =
      `the native part of tun-device cannot be loaded: ${why}. Install the build tools ` +
      '(apt-get install build-essential python3), then run: npm rebuild tun-device';
    throw Object.assign(new Error(text, { cause }), { code: 'ERR_TUN_DEVICE_LOAD' });
  }
}

/** Attaches an open /dev/net/tun to a device of this network namespace, which is made if it is not there. */
export function attach(descriptor, name) {
  load();
  const failure = native.attach(descriptor, name);
  if (failure !== undefined) throw systemError(failure.errno, failure.syscall);
}

/** An error as Node's own: `code` (`EPERM`), `errno` (negative), `syscall`. */
function systemError(errno, syscall) {
  const code = getSystemErrorName(errno);
  const meaning = getSystemErrorMap().get(errno)?.[1] ?? code;
  return Object.assign(new Error(`${code}: ${meaning}, ${syscall}`), { code, errno, syscall });
}
