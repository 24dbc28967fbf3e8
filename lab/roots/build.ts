/**
 * Builds the lab's root folders from Debian packages and keeps them under a cache folder
 * (`/var/cache/sluice/lab`, or SLUICE_LAB_CACHE).
 *
 * In:  a root's specification (specs.ts) and the mirrors of the host's package sources.
 * Out: the path of a folder that programs can be chrooted into.
 * Not: it installs nothing on the host, starts no daemon and runs no maintainer script; what such a script would have
 * done and a root needs (accounts, links, the linker's cache) is done here. A folder is built beside its final name and
 * renamed into place, so a broken run leaves no half root; two runs at a time take turns.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { type PackageFile, PrivateApt } from './apt.ts';
import { command } from './command.ts';
import { prepareKernel } from './kernel.ts';
import { withLock } from './lock.ts';
import { RECIPE, ROOTS, type RootName, type RootSpec } from './specs.ts';

export type Progress = (text: string) => void;

const STAMP = '.sluice-root.json';

/** Folders that Debian 12 and later have as links into /usr; they must be there before a package is unpacked. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'] as const;

/** Where roots are kept. */
export function rootsFolder(): string {
  return process.env['SLUICE_LAB_CACHE'] ?? '/var/cache/sluice/lab';
}

/** The folder of a root, whether it is built yet or not. Its name changes with recipe, packages and release of Debian. */
export async function rootPath(name: RootName): Promise<string> {
  const spec = ROOTS[name];
  const key = JSON.stringify([RECIPE, spec, process.arch]);
  return join(rootsFolder(), `${name}-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`);
}

/** The names of `wanted` whose folders are not built yet. */
export async function missingRoots(wanted: readonly RootName[]): Promise<readonly RootName[]> {
  const paths = await Promise.all(wanted.map(rootPath));
  return wanted.filter((_, index) => !existsSync(join(paths[index]!, STAMP)));
}

/** Builds what is missing of `wanted`. `progress` gets one line per stage. Throws a LabError that names the cause. */
export async function ensureRoots(wanted: readonly RootName[], progress: Progress): Promise<void> {
  if ((await missingRoots(wanted)).length === 0) return;
  const waiting = (pid: number) => progress(`waiting for process ${pid}, which is building root folders`);
  await withLock(`sluice-lab-roots ${rootsFolder()}`, waiting, async () => {
    const missing = await missingRoots(wanted);
    if (missing.length === 0) return;
    for (const suite of new Set(missing.map((name) => ROOTS[name].suite))) {
      const apt = new PrivateApt(join(rootsFolder(), '.apt'), suite);
      progress(`fetching the package lists of ${suite} (into the cache folder, not the host)`);
      await apt.prepare();
      for (const name of missing) if (ROOTS[name].suite === suite) await buildRoot(ROOTS[name], apt, progress);
      await apt.remove();
    }
  });
}

async function buildRoot(spec: RootSpec, apt: PrivateApt, progress: Progress): Promise<void> {
  const started = performance.now();
  const final = await rootPath(spec.name);
  // Daemons that leave root behind must get in, whatever the umask of the one who builds.
  process.umask(0o022);
  const draft = `${final}.new`;
  await rm(draft, { recursive: true, force: true });
  const files = await download(spec, apt, progress);
  await skeleton(draft);
  for (const [index, { file }] of files.entries()) {
    if (index % 20 === 0) progress(`${spec.name}: unpacking ${index}/${files.length}`);
    await unpack(join(apt.archives, file), draft);
  }
  await finish(spec, draft);
  if (spec.kernel) await prepareKernel(draft);
  await prove(spec, draft);
  await writeFile(join(draft, STAMP), stamp(spec, files));
  await rm(final, { recursive: true, force: true });
  await rename(draft, final);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  progress(`${spec.name}: ready in ${seconds} s (${files.length} packages) at ${final}`);
}

async function download(spec: RootSpec, apt: PrivateApt, progress: Progress): Promise<readonly PackageFile[]> {
  const files = await apt.resolve(spec.packages);
  const mega = (files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6).toFixed(1);
  progress(`${spec.name}: ${files.length} packages, at most ${mega} MB to fetch`);
  let arrived = 0;
  await apt.download(spec.packages, () => {
    arrived += 1;
    if (arrived % 20 === 0) progress(`${spec.name}: ${arrived} packages fetched`);
  });
  return files;
}

async function skeleton(root: string): Promise<void> {
  await mkdir(join(root, 'usr'), { recursive: true });
  for (const name of MERGED) {
    await mkdir(join(root, 'usr', name));
    await symlink(`usr/${name}`, join(root, name));
  }
  for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'etc', 'srv', 'root', 'var/log', 'var/lib', 'var/cache']) {
    await mkdir(join(root, name), { recursive: true });
  }
  await symlink('/run', join(root, 'var/run'));
  await chmod(join(root, 'tmp'), 0o1777);
}

/** Unpacks one package. tar, not `dpkg-deb -x`: the links /bin, /lib … must survive packages that ship such folders. */
async function unpack(file: string, root: string): Promise<void> {
  const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -p -C "$2"';
  await command(['bash', '-o', 'pipefail', '-c', script, 'unpack', file, root]);
}

async function finish(spec: RootSpec, root: string): Promise<void> {
  const passwd = ['root:x:0:0:root:/root:/bin/sh', 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin'];
  const group = ['root:x:0:', 'nogroup:x:65534:', 'adm:x:4:', 'tty:x:5:'];
  for (const { name, id, home } of spec.users) {
    passwd.push(`${name}:x:${id}:${id}:${name}:${home}:/usr/sbin/nologin`);
    group.push(`${name}:x:${id}:`);
  }
  for (const [name, id] of Object.entries(spec.groups)) {
    const members = spec.users.filter((user) => user.groups?.includes(name)).map((user) => user.name);
    group.push(`${name}:x:${id}:${members.join(',')}`);
  }
  await writeFile(join(root, 'etc/passwd'), `${passwd.join('\n')}\n`);
  await writeFile(join(root, 'etc/group'), `${group.join('\n')}\n`);
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  await writeFile(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files\n');
  for (const [path, target] of Object.entries(spec.links)) {
    await rm(join(root, path), { force: true });
    await symlink(target, join(root, path));
  }
  for (const [path, text] of Object.entries(spec.files)) await writeFile(join(root, path), text);
  await command(['ldconfig', '-r', root]);
}

async function prove(spec: RootSpec, root: string): Promise<void> {
  for (const proof of spec.proofs) {
    await command(['chroot', root, ...proof]).catch((cause: Error) => {
      throw new LabError(`root folder ${spec.name}: ${cause.message}`, { cause });
    });
  }
}

function stamp(spec: RootSpec, files: readonly PackageFile[]): string {
  const packages = files.map(({ file }) => file);
  const hash = createHash('sha256').update(packages.join('\n')).digest('hex');
  return `${JSON.stringify({ root: spec.name, recipe: RECIPE, hash, packages }, null, 2)}\n`;
}
