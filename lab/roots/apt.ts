import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { command } from './command.ts';

/** One package file as apt resolved it: its name in the archive folder, e.g. `frr_8.4.4-1.1~deb12u2_amd64.deb`. */
export interface PackageFile {
  readonly file: string;
  readonly bytes: number;
}

/** A release of Debian, whatever the host's own is. */
export type Suite = 'bookworm' | 'trixie';

/** The keys of every release that is still cared for; Debian 12 and 13 have each other's. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Where the host's sources name no Debian mirror. */
const MIRRORS: readonly Source[] = [
  { uri: 'http://deb.debian.org/debian/', release: '' },
  { uri: 'http://deb.debian.org/debian/', release: '-updates' },
  { uri: 'http://deb.debian.org/debian-security/', release: '-security' },
];

interface Source {
  readonly uri: string;
  /** What follows the suite's name: nothing, `-updates` or `-security`. */
  readonly release: string;
}

/**
 * apt with directories of its own, for one release of Debian: it asks the mirrors that the host asks, and knows nothing
 * else of the host. Its status file is empty, so a package's whole dependency closure is resolved, and no package is ever
 * installed.
 */
export class PrivateApt {
  readonly archives: string;
  readonly #suite: Suite;
  readonly #configuration: string;
  readonly #folder: string;
  #updated = false;

  constructor(folder: string, suite: Suite) {
    this.#folder = folder;
    this.#suite = suite;
    this.archives = join(folder, 'archives');
    this.#configuration = join(folder, 'apt.conf');
  }

  /** Makes the directories and fetches the package lists once. Throws a LabError when apt is missing or fails. */
  async prepare(): Promise<void> {
    if (this.#updated) return;
    if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb')) {
      throw new LabError(
        'the lab builds its root folders with apt-get and dpkg-deb (packages apt and dpkg): not found',
      );
    }
    for (const folder of ['archives/partial', 'empty/partial', 'state/lists/partial', 'parts']) {
      await mkdir(join(this.#folder, folder), { recursive: true });
    }
    await writeFile(join(this.#folder, 'status'), '');
    await writeFile(join(this.#folder, 'sources.list'), await sourcesOf(this.#suite));
    await writeFile(this.#configuration, await this.#settings());
    await this.#apt(['apt-get', '-q', 'update']);
    this.#updated = true;
  }

  /** The files of `packages` and of everything they depend on, sorted by name. */
  async resolve(packages: readonly string[]): Promise<readonly PackageFile[]> {
    // apt leaves out what its archive folder already holds: ask with an empty one.
    const empty = `Dir::Cache::archives=${join(this.#folder, 'empty')}`;
    const listing = await this.#apt(['apt-get', 'install', '--print-uris', '-qq', '--yes', '-o', empty, ...packages]);
    const files = listing.split('\n').flatMap((line) => {
      const [, file, bytes] = /^'[^']*' (\S+) (\d+)/.exec(line) ?? [];
      return file === undefined ? [] : [{ file, bytes: Number(bytes) }];
    });
    return files.sort((a, b) => (a.file < b.file ? -1 : 1));
  }

  /** Downloads the closure of `packages` into `archives`, checked by apt against the signed lists. */
  async download(packages: readonly string[], onPackage: () => void): Promise<void> {
    const argv = ['apt-get', 'install', '--download-only', '--yes', '-q', ...packages];
    await this.#apt(argv, (line) => {
      if (line.startsWith('Get:')) onPackage();
    });
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The host's settings (proxies, mirrors' options) without its hooks, pointed at this folder's directories. */
  async #settings(): Promise<string> {
    const dump = await command(['apt-config', 'dump']);
    const kept = dump
      .split('\n')
      .filter((line) => !/^(DPkg|Dir|APT::Update|APT::Architectures|APT::Default-Release|Unattended)\b/i.test(line));
    return [
      ...kept,
      `Dir::Etc::parts "${join(this.#folder, 'parts')}";`,
      'Dir::Etc::main "/dev/null";',
      `Dir::Etc::sourcelist "${join(this.#folder, 'sources.list')}";`,
      `Dir::Etc::sourceparts "${join(this.#folder, 'parts')}";`,
      'Dir::Etc::preferences "/dev/null";',
      `Dir::Etc::preferencesparts "${join(this.#folder, 'parts')}";`,
      `Dir::State "${join(this.#folder, 'state')}";`,
      `Dir::State::status "${join(this.#folder, 'status')}";`,
      `Dir::Cache "${this.#folder}";`,
      `Dir::Cache::archives "${this.archives}";`,
      'APT::Install-Recommends "false";',
      // The folder belongs to root; apt's own unprivileged user could not write there.
      'APT::Sandbox::User "root";',
      'Acquire::Languages "none";',
      'Acquire::Retries "3";',
      '',
    ].join('\n');
  }

  #apt(argv: readonly string[], onLine?: (line: string) => void): Promise<string> {
    const env = { APT_CONFIG: this.#configuration, DEBIAN_FRONTEND: 'noninteractive' };
    return command(argv, onLine === undefined ? { env } : { env, onLine });
  }
}

/** The host's mirrors of its own release, asked for `suite` instead; Debian's own where the host is no Debian. */
async function sourcesOf(suite: Suite): Promise<string> {
  const own = await hostCodename();
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const listing = await command(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  const found = listing.split('\n').flatMap((line): Source[] => {
    const [uri = '', release = '', component] = line.split(' ');
    const ours = own !== undefined && component === 'main' && release.startsWith(own);
    return ours ? [{ uri, release: release.slice(own.length) }] : [];
  });
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  const mirrors = found.some(({ release }) => release === '') ? found : MIRRORS;
  return mirrors.map(({ uri, release }) => `deb ${signed}${uri} ${suite}${release} main\n`).join('');
}

/** `bookworm`; undefined where the host is no Debian, since its mirrors then carry something else. */
async function hostCodename(): Promise<string | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID=debian$/m.test(text) ? /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] : undefined;
}
