/**
 * Makes of an unpacked kernel package what a guest boots from.
 *
 * In:  a root folder with Debian's linux-image and the programs that take it apart (specs.ts, `kernel`).
 * Out: in it, `boot/vmlinux` (the kernel as ELF: unpacking itself would cost an emulated guest seconds), `boot/initramfs`
 *      (a static shell and the modules without which there is no root) and `lib/modules/RELEASE`, unpacked and indexed.
 * Not: it knows nothing of what the guest then does; its /init comes with the guest (../runtimes/guest-boot.ts).
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { command } from './command.ts';
import { type ArchiveEntry, FOLDER, PROGRAM, writeArchive } from './cpio.ts';

/** Modules of folders beside these have no business in a guest whose devices are all virtio; they are most of the package. */
const KEPT = ['arch', 'crypto', 'drivers', 'fs', 'lib', 'net'] as const;
const KEPT_DRIVERS = ['block', 'char', 'net', 'virtio'] as const;
/** Folders with the drivers of real cards; the single files beside them are virtual devices and what those share. */
const NETWORK_CARDS = /^(arcnet|can|dsa|ethernet|fddi|hippi|ieee802154|mdio|phy|usb|wan|wireless|wwan)$/;

/** What has to be loaded before the guest has a root folder, each before those that need it. */
const EARLY = ['virtio_mmio', 'virtio_console', 'virtio_net', '9pnet_virtio', '9p', 'overlay'] as const;

export const VMLINUX = 'boot/vmlinux';
export const INITRAMFS = 'boot/initramfs';

export async function prepareKernel(root: string): Promise<void> {
  const release = await releaseOf(root);
  const modules = join('lib/modules', release);
  await prune(join(root, modules, 'kernel'));
  await inRoot(root, `find /${modules} -name '*.ko.xz' -exec xz --decompress {} +`);
  await inRoot(root, `depmod ${release}`);
  await extractKernel(root, release);
  await writeFile(join(root, INITRAMFS), await initramfs(root, modules));
}

/** E.g. `6.1.0-56-amd64`. Throws a LabError when there is not exactly one kernel in the root folder. */
export async function releaseOf(root: string): Promise<string> {
  const releases = await readdir(join(root, 'lib/modules')).catch(() => []);
  if (releases.length !== 1)
    throw new LabError(`${root}: one kernel expected, found: ${releases.join(', ') || 'none'}`);
  return releases[0]!;
}

async function prune(folder: string): Promise<void> {
  await keepOnly(folder, (name) => KEPT.some((kept) => kept === name));
  await keepOnly(join(folder, 'drivers'), (name) => KEPT_DRIVERS.some((kept) => kept === name));
  await keepOnly(join(folder, 'drivers/net'), (name) => !NETWORK_CARDS.test(name));
}

async function keepOnly(folder: string, kept: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!kept(name)) await rm(join(folder, name), { recursive: true });
  }
}

/**
 * The ELF file in a bzImage. Header fields (Documentation/arch/x86/boot.rst of the Linux source): 0x1f1 `setup_sects`,
 * 0x248 `payload_offset` and 0x24c `payload_length`, in bytes from the end of the setup; the last four bytes of the
 * payload are not the compressor's but the size of what comes out.
 */
async function extractKernel(root: string, release: string): Promise<void> {
  const file = join(root, `boot/vmlinuz-${release}`);
  const image = await readFile(file);
  const start = (image.readUInt8(0x1f1) + 1) * 512 + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  const program = payload.readUInt32LE(0) === ZSTD_MAGIC ? 'zstd' : 'xz';
  await writeFile(join(root, 'boot/payload'), payload);
  await inRoot(root, `${program} --decompress --stdout </boot/payload >/${VMLINUX}`);
  const head = (await readFile(join(root, VMLINUX))).subarray(0, 4).toString('latin1');
  if (head !== '\x7fELF') throw new LabError(`${file}: what ${program} made of it is no ELF file`);
  for (const name of await readdir(join(root, 'boot'))) {
    if (name !== basename(VMLINUX) && !name.startsWith('config-')) await rm(join(root, 'boot', name));
  }
}

const ZSTD_MAGIC = 0xfd2fb528;

/** `bin/busybox`, folders to mount on, and `modules/NN-NAME.ko` in the order in which they have to be loaded. */
async function initramfs(root: string, modules: string): Promise<Uint8Array> {
  const folders = ['bin', 'dev', 'host', 'modules', 'new', 'over', 'proc', 'sys'].map((path) => ({
    path,
    mode: FOLDER,
  }));
  const busybox = { path: 'bin/busybox', mode: PROGRAM, content: await readFile(join(root, 'usr/bin/busybox')) };
  const files = inLoadingOrder(await readFile(join(root, modules, 'modules.dep'), 'utf8'));
  const loaded = files.map(async (file, index): Promise<ArchiveEntry> => {
    const path = `modules/${String(index).padStart(2, '0')}-${basename(file)}`;
    return { path, mode: PROGRAM, content: await readFile(join(root, modules, file)) };
  });
  return writeArchive([...folders, busybox, ...(await Promise.all(loaded))]);
}

/** `modules.dep` has lines `kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko …`, all that is needed, the nearest first. */
function inLoadingOrder(index: string): readonly string[] {
  const needs = new Map(
    index.split('\n').map((line) => {
      const [file = '', rest = ''] = line.split(':');
      return [file, rest.split(' ').filter((word) => word !== '')];
    }),
  );
  const order = EARLY.flatMap((name) => {
    const file = [...needs.keys()].find((path) => basename(path, '.ko') === name);
    // Built into the kernel.
    return file === undefined ? [] : [...needs.get(file)!.toReversed(), file];
  });
  return [...new Set(order)];
}

async function inRoot(root: string, script: string): Promise<void> {
  await command(['chroot', root, '/usr/bin/env', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'sh', '-c', script]);
}
