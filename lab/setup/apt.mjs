/** The few host packages that the lab and the build need. No daemon is among them. */
import { existsSync } from 'node:fs';
import { Stop, step } from './report.mjs';
import { run } from './run.mjs';

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Program -> Debian package, for what the lab calls on the host. */
export const LAB_PROGRAMS = { nft: 'nftables', ip: 'iproute2', sysctl: 'procps', mount: 'mount', ldconfig: 'libc-bin' };

/** Program -> Debian package, for building the native addon. */
export const BUILD_PROGRAMS = { cc: 'gcc', make: 'make', python3: 'python3', 'g++': 'g++' };

/**
 * Installs the packages of those programs that are not there. Throws a Stop naming them where that is not possible.
 *
 * @param {Record<string, string>} programs
 */
export async function installMissing(programs) {
  const packages = [...new Set(missing(programs).map((program) => programs[program]))];
  if (packages.length === 0) return;
  if (process.getuid() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Stop(`missing programs; as root: apt-get install ${packages.join(' ')}`);
  }
  await step(`installing ${packages.join(', ')} with apt-get`, async (progress) => {
    if ((await install(packages, progress)).code === 0) return;
    // Most likely the package lists are absent or old.
    progress('apt-get update');
    await run(['apt-get', '-q', 'update']);
    const { code, output } = await install(packages, progress);
    if (code !== 0) throw new Stop(`apt-get install ${packages.join(' ')} failed:\n${output.trim().slice(-2000)}`);
  });
}

function missing(programs) {
  return Object.keys(programs).filter((program) => !FOLDERS.some((folder) => existsSync(`${folder}/${program}`)));
}

function install(packages, progress) {
  const argv = ['apt-get', 'install', '--yes', '--no-install-recommends', '-q', ...packages];
  const onLine = (line) => {
    if (/^(Get:|Setting up)/.test(line)) progress(line);
  };
  return run(argv, { env: { DEBIAN_FRONTEND: 'noninteractive' }, onLine });
}
