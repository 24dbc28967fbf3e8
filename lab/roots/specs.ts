/**
 * What the lab's root folders hold. A root is a folder with the unpacked files of some Debian packages and of all they
 * depend on; the daemons and tools of the lab run in it by chroot, so nothing of it is installed on the host.
 */
import type { Suite } from './apt.ts';

export interface RootUser {
  readonly name: string;
  /** User and primary group id. */
  readonly id: number;
  readonly home: string;
  /** Further groups of the same root that the user is a member of. */
  readonly groups?: readonly string[];
}

export interface RootSpec {
  readonly name: RootName;
  /** The release of Debian that the packages are of, whatever the host's is: a lab is the same everywhere. */
  readonly suite: Suite;
  /** The daemon that nodes of this root start with. */
  readonly daemon?: 'frr' | 'bird' | 'nginx';
  /** Debian packages; their dependencies come along, recommended packages do not. */
  readonly packages: readonly string[];
  /** Accounts that the packages' maintainer scripts would have made; those scripts are not run. */
  readonly users: readonly RootUser[];
  /** Groups without a user of the same name. */
  readonly groups: Readonly<Record<string, number>>;
  /** Symbolic links that update-alternatives would have made: path in the root -> target. */
  readonly links: Readonly<Record<string, string>>;
  /** Files written after the packages' own: path in the root -> text. */
  readonly files: Readonly<Record<string, string>>;
  /** It is there to boot guests from: see kernel.ts for what is made of the unpacked package. */
  readonly kernel?: true;
  /** Commands that must end with code 0 inside the finished root: proof that its libraries are all there. */
  readonly proofs: readonly (readonly string[])[];
}

/**
 * `frr` (8.4), `bird` (2.0), `conntrackd` (1.4.7), `guest-tools`, `kernel-6.1`, `load`, `nginx`, `qemu` and `tools` are
 * Debian 12's; the routers with a version in their name and `kernel-6.12` are Debian 13's.
 */
export type RootName =
  | 'frr'
  | 'frr-10'
  | 'bird'
  | 'bird-2.17'
  | 'bird-3'
  | 'nft-1.0'
  | 'nft-1.1'
  | 'conntrackd'
  | 'guest-tools'
  | 'kernel-6.1'
  | 'kernel-6.12'
  | 'load'
  | 'nginx'
  | 'qemu'
  | 'tools';

/** Raise it when the way a root is put together changes: older folders are then built anew. */
export const RECIPE = 1;

const SHELL = ['dash', 'coreutils', 'mawk'] as const;
const PERMIT = 'auth sufficient pam_permit.so\naccount sufficient pam_permit.so\n';
const SHELL_LINKS = { 'usr/bin/sh': 'dash', 'usr/bin/awk': 'mawk' } as const;

/** FRR from 10 on does nothing without mgmtd. */
function frr(name: RootName, suite: Suite, daemons: readonly string[]): RootSpec {
  return {
    name,
    suite,
    daemon: 'frr',
    packages: ['frr', ...SHELL],
    users: [{ name: 'frr', id: 300, home: '/nonexistent', groups: ['frrvty'] }],
    groups: { frrvty: 301 },
    links: SHELL_LINKS,
    // vtysh asks PAM, whose common files a maintainer script would have made.
    files: { 'etc/pam.d/frr': PERMIT, 'etc/pam.d/other': PERMIT },
    proofs: [...daemons.map((daemon) => [`/usr/lib/frr/${daemon}`, '--version']), ['/usr/bin/vtysh', '--help']],
  };
}

function bird(name: RootName, suite: Suite, birdPackage: 'bird2' | 'bird3'): RootSpec {
  return {
    name,
    suite,
    daemon: 'bird',
    packages: [birdPackage, 'iproute2', ...SHELL],
    users: [{ name: 'bird', id: 302, home: '/run/bird' }],
    groups: {},
    links: SHELL_LINKS,
    files: {},
    proofs: [['/usr/sbin/bird', '--version']],
  };
}

function nft(name: RootName, suite: Suite): RootSpec {
  return {
    name,
    suite,
    packages: ['nftables'],
    users: [],
    groups: {},
    links: {},
    files: {},
    proofs: [['/usr/sbin/nft', '--version']],
  };
}

/** A kernel with its modules, and what is needed to take it apart on a host that has none of these programs. */
function kernel(name: RootName, suite: Suite): RootSpec {
  return {
    name,
    suite,
    kernel: true,
    packages: ['linux-image-amd64', 'busybox-static', 'kmod', 'xz-utils', 'zstd', 'findutils', ...SHELL],
    users: [],
    groups: {},
    links: SHELL_LINKS,
    files: {},
    proofs: [['/usr/bin/busybox', 'true']],
  };
}

export const ROOTS: Readonly<Record<RootName, RootSpec>> = {
  frr: frr('frr', 'bookworm', ['zebra', 'ospfd']),
  'frr-10': frr('frr-10', 'trixie', ['mgmtd', 'zebra', 'ospfd']),
  bird: bird('bird', 'bookworm', 'bird2'),
  'bird-2.17': bird('bird-2.17', 'trixie', 'bird2'),
  'bird-3': bird('bird-3', 'trixie', 'bird3'),
  'nft-1.0': nft('nft-1.0', 'bookworm'),
  'nft-1.1': nft('nft-1.1', 'trixie'),
  conntrackd: {
    name: 'conntrackd',
    suite: 'bookworm',
    packages: ['conntrackd'],
    users: [],
    groups: {},
    links: {},
    files: {},
    proofs: [['/usr/sbin/conntrackd', '-v']],
  },
  'guest-tools': {
    name: 'guest-tools',
    suite: 'bookworm',
    packages: ['ipvsadm', 'conntrack', 'kmod', 'nftables', 'iproute2', 'socat'],
    users: [],
    groups: {},
    links: {},
    files: {},
    proofs: [
      ['/usr/sbin/conntrack', '--version'],
      ['/usr/sbin/modprobe', '--version'],
      ['/usr/bin/socat', '-V'],
    ],
  },
  'kernel-6.1': kernel('kernel-6.1', 'bookworm'),
  'kernel-6.12': kernel('kernel-6.12', 'trixie'),
  load: {
    name: 'load',
    suite: 'bookworm',
    packages: ['wrk', 'tcpreplay', ...SHELL],
    users: [],
    groups: {},
    links: SHELL_LINKS,
    files: {},
    proofs: [
      // wrk that is asked for its version ends as if it had been misused.
      ['/usr/bin/sh', '-c', 'case $(wrk --version) in wrk*) ;; *) exit 1 ;; esac'],
      ['/usr/bin/tcpreplay', '--version'],
    ],
  },
  nginx: {
    name: 'nginx',
    suite: 'bookworm',
    daemon: 'nginx',
    packages: ['nginx', ...SHELL],
    users: [{ name: 'www-data', id: 33, home: '/var/www' }],
    groups: {},
    links: SHELL_LINKS,
    files: {},
    proofs: [['/usr/sbin/nginx', '-v']],
  },
  qemu: {
    name: 'qemu',
    suite: 'bookworm',
    packages: ['qemu-system-x86'],
    users: [],
    groups: {},
    links: {},
    files: {},
    // The emulator proper is a module of its own, which a wrong library path would not find.
    proofs: [['/usr/bin/qemu-system-x86_64', '-accel', 'help']],
  },
  tools: {
    name: 'tools',
    suite: 'bookworm',
    packages: ['tcpdump', 'tshark', 'curl', 'iputils-ping', 'conntrack', ...SHELL],
    users: [{ name: 'tcpdump', id: 303, home: '/nonexistent' }],
    groups: {},
    links: SHELL_LINKS,
    files: {},
    proofs: [
      ['/usr/bin/tcpdump', '--version'],
      ['/usr/bin/tshark', '--version'],
      ['/usr/sbin/conntrack', '--version'],
    ],
  },
};
