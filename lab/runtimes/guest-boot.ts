/**
 * What a guest is started with: the emulator's command line, and the small archive that is appended to the kernel's first
 * root folder.
 *
 * The guest's root is the host's, read-only over 9p, under a file system in memory: a private, writable copy with all that is
 * installed here, and no image to build. Programs that only directors in guests need and the host may lack come as links
 * into the root folder `guest-tools`.
 */
import { existsSync, lstatSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ArchiveEntry, FOLDER, LINK, PROGRAM, writeArchive } from '../roots/cpio.ts';
import { INITRAMFS, releaseOf, VMLINUX } from '../roots/kernel.ts';
import { type GuestFacts, initScript, SERVE_SCRIPT } from './guest-scripts.ts';

export interface GuestNic {
  /** A tap device in the emulator's namespace. */
  readonly tap: string;
  /** What it is called in the guest. */
  readonly name: string;
  readonly mac: string;
}

export interface GuestBoot extends GuestFacts {
  /** Holds the guest's sockets, console and first root folder. */
  readonly folder: string;
  readonly nics: readonly GuestNic[];
  /** MiB. */
  readonly memory: number;
  readonly roots: { readonly qemu: string; readonly kernel: string; readonly tools: string };
}

/** Control channels of a guest: so many commands may be under way at a time. The last is for processes that only visit. */
export const CHANNELS = 5;

export function channelSocket(folder: string, index: number): string {
  return join(folder, `channel${index}.sock`);
}

export function monitorSocket(folder: string): string {
  return join(folder, 'monitor.sock');
}

export function consoleFile(folder: string): string {
  return join(folder, 'console.log');
}

export function initramfsFile(folder: string): string {
  return join(folder, 'initramfs');
}

/** The emulator of the root folder `qemu`, run with that folder's own loader and libraries, and all its arguments. */
export async function emulator(boot: GuestBoot): Promise<{ argv: string[]; env: Record<string, string> }> {
  const { folder, roots, memory } = boot;
  const libraries = join(roots.qemu, 'usr/lib/x86_64-linux-gnu');
  const channels = Array.from({ length: CHANNELS }, (_, index) => [
    ...['-chardev', `socket,id=channel${index},path=${channelSocket(folder, index)},server=on,wait=off`],
    ...['-device', `virtserialport,chardev=channel${index},name=channel${index}`],
  ]);
  const nics = boot.nics.map(({ tap, mac }, index) => [
    ...['-netdev', `tap,id=nic${index},ifname=${tap},script=no,downscript=no,vhost=off`],
    ...['-device', `virtio-net-device,netdev=nic${index},mac=${mac}`],
  ]);
  const argv = [
    join(roots.qemu, 'lib64/ld-linux-x86-64.so.2'),
    ...['--library-path', `${libraries}:${join(roots.qemu, 'lib/x86_64-linux-gnu')}`],
    join(roots.qemu, 'usr/bin/qemu-system-x86_64'),
    ...['-name', boot.name, '-L', join(roots.qemu, 'usr/share/qemu'), '-L', join(roots.qemu, 'usr/share/seabios')],
    // Without ACPI, Debian's kernels find no virtio-mmio device. More than a Nehalem costs to emulate; with arat its timer may
    // be one-shot (else it ticks, every 4 ms), with invtsc its clock is believed, and rdrand has randomness at once.
    ...[
      '-machine',
      'microvm,acpi=on,pcie=off',
      '-accel',
      'tcg,tb-size=256',
      '-cpu',
      'Nehalem,+rdrand,+invtsc,+arat',
      '-smp',
      '1',
    ],
    ...['-m', String(memory), '-no-user-config', '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-serial', `file:${consoleFile(folder)}`, '-qmp', `unix:${monitorSocket(folder)},server=on,wait=off`],
    ...['-kernel', join(roots.kernel, VMLINUX), '-initrd', initramfsFile(folder), '-append', await kernelArguments()],
    ...share('host', '/', ',readonly=on'),
    ...share('shared', boot.shared, ''),
    ...['-device', 'virtio-serial-device', ...channels.flat()],
    ...nics.flat(),
  ];
  return { argv, env: { QEMU_MODULE_DIR: join(libraries, 'qemu') } };
}

function share(tag: string, path: string, option: string): string[] {
  const folder = `local,id=${tag},path=${path},security_model=none,multidevs=remap${option}`;
  return ['-fsdev', folder, '-device', `virtio-9p-device,fsdev=${tag},mount_tag=${tag}`];
}

/**
 * The machine has no timer but the PIT to measure its TSC by. When the host takes the processor away meanwhile, the guest
 * finds no value and hangs: so it is told.
 */
async function kernelArguments(): Promise<string> {
  const bogomips = /^bogomips\s*:\s*([\d.]+)$/m.exec(await readFile('/proc/cpuinfo', 'utf8'))?.[1];
  const tsc = bogomips === undefined ? [] : [`tsc_early_khz=${Math.round(Number(bogomips) * 500)}`];
  return [
    'console=ttyS0',
    'quiet',
    'panic=-1',
    'mitigations=off',
    'no_timer_check',
    'tsc=reliable',
    'net.ifnames=0',
    ...tsc,
  ].join(' ');
}

/** The kernel's own archive, and behind it what is this guest's. */
export async function guestInitramfs(boot: GuestBoot): Promise<Uint8Array> {
  const release = await releaseOf(boot.roots.kernel);
  const own: ArchiveEntry[] = [
    { path: 'init', mode: PROGRAM, content: Buffer.from(initScript(boot)) },
    { path: 'serve', mode: PROGRAM, content: Buffer.from(SERVE_SCRIPT) },
    ...(await skeleton(boot.roots.tools)),
    ...link(`skeleton/usr/lib/modules/${release}`, join(boot.roots.kernel, 'lib/modules', release)),
  ];
  return Buffer.concat([await readFile(join(boot.roots.kernel, INITRAMFS)), writeArchive(withFolders(own))]);
}

/** A link for each program and library of `tools` that the host does not have. */
async function skeleton(tools: string): Promise<readonly ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(tools, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (lstatSync(`/${path}`, { throwIfNoEntry: false }) === undefined) {
        entries.push(...link(`skeleton/${path}`, join(tools, path)));
      } else if (entry.isDirectory()) await walk(path);
    }
  };
  for (const folder of ['usr/bin', 'usr/sbin', 'usr/lib']) if (existsSync(join(tools, folder))) await walk(folder);
  return entries;
}

function link(path: string, target: string): readonly ArchiveEntry[] {
  return [{ path, mode: LINK, content: Buffer.from(target) }];
}

/** Puts before the entries the folders that they lie in. */
function withFolders(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const folders = new Set(
    entries.flatMap(({ path }) => {
      const words = path.split('/').slice(0, -1);
      return words.map((_, index) => words.slice(0, index + 1).join('/'));
    }),
  );
  return [...[...folders].sort().map((path) => ({ path, mode: FOLDER })), ...entries];
}
