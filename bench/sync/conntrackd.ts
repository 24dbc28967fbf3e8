/**
 * conntrackd beside the product's tables: FTFW (sequence numbers, acknowledgements, what was lost is sent again), and what comes
 * goes straight into the kernel (no external cache), with the filter by state in the kernel that its manual recommends for
 * busy firewalls. Its messages are neither encrypted nor authenticated.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureRoots, rootPath } from '../../lab/roots/build.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { DIRECTORS, type Director, SYNC } from './pair.ts';

/** Arguments: own folder, root folder, then options. Every step executes the next, so that the process is the daemon. */
const ENTER =
  'folder=$1 root=$2; shift 2; mount --bind "$folder" "$root/srv" && exec chroot "$root" /usr/sbin/conntrackd "$@"';
const CONFIGURATION = '/srv/conntrackd.conf';
const READY_WITHIN = 5_000;

export class Conntrackd {
  readonly #lab: Lab;
  readonly #root: string;
  readonly #running = new Map<Director, ChildProcess>();

  private constructor(lab: Lab, root: string) {
    this.#lab = lab;
    this.#root = root;
  }

  static async prepare(lab: Lab, progress: (text: string) => void): Promise<Conntrackd> {
    await ensureRoots(['conntrackd'], progress);
    const ours = new Conntrackd(lab, await rootPath('conntrackd'));
    for (const director of DIRECTORS) {
      await mkdir(ours.#folder(director), { recursive: true });
      await writeFile(join(ours.#folder(director), 'conntrackd.conf'), configuration(director));
    }
    return ours;
  }

  async start(): Promise<void> {
    for (const director of DIRECTORS) await this.startOne(director);
  }

  async startOne(director: Director): Promise<void> {
    // Of one that was killed.
    await rm(join(this.#folder(director), 'lock'), { force: true });
    const child = this.#spawn(director, [], 'ignore');
    this.#running.set(director, child);
    await until(`conntrackd on ${director}`, READY_WITHIN, async () => {
      if (child.exitCode !== null) throw new Error(`conntrackd on ${director} ended: ${await this.#log(director)}`);
      return (await this.#command(director, '-s')) === 0;
    });
  }

  async stop(): Promise<void> {
    for (const director of DIRECTORS) await this.stopOne(director);
  }

  async stopOne(director: Director): Promise<void> {
    const child = this.#running.get(director);
    this.#running.delete(director);
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  pid(director: Director): number {
    const pid = this.#running.get(director)?.pid;
    if (pid === undefined) throw new Error(`conntrackd does not run on ${director}`);
    return pid;
  }

  /** Asks the other one for all that it has. */
  async askForAll(director: Director): Promise<void> {
    await this.#command(director, '-n');
  }

  async #command(director: Director, option: string): Promise<number | null> {
    const child = this.#spawn(director, [option], 'ignore');
    return new Promise((resolve) => child.once('exit', resolve));
  }

  #spawn(director: Director, options: readonly string[], stdio: 'ignore'): ChildProcess {
    const words = [this.#folder(director), this.#root, '-C', CONFIGURATION, ...options];
    return this.#lab.node(director).spawn(['sh', '-c', ENTER, 'sh', ...words], { stdio });
  }

  #folder(director: Director): string {
    return join(this.#lab.dir, `${director}-conntrackd`);
  }

  #log(director: Director): Promise<string> {
    return readFile(join(this.#folder(director), 'log'), 'utf8').catch(() => 'without a word');
  }
}

function configuration(director: Director): string {
  const other = DIRECTORS.find((name) => name !== director)!;
  return `Sync {
  Mode FTFW {
    DisableExternalCache on
  }
  UDP {
    IPv4_address ${SYNC[director]}
    IPv4_Destination_Address ${SYNC[other]}
    Port 3780
    Interface eth2
    SndSocketBuffer 8388608
    RcvSocketBuffer 8388608
    Checksum on
  }
}
General {
  HashSize 131072
  HashLimit 524288
  Syslog off
  LogFile /srv/log
  LockFile /srv/lock
  UNIX {
    Path /srv/socket
  }
  NetlinkBufferSize 8388608
  NetlinkBufferSizeMaxGrowth 67108864
  Filter From Kernelspace {
    Protocol Accept {
      TCP
    }
    Address Ignore {
      IPv4_address 127.0.0.1
      IPv4_address ${SYNC.d1}
      IPv4_address ${SYNC.d2}
    }
    State Accept {
      ESTABLISHED CLOSED TIME_WAIT CLOSE_WAIT for TCP
    }
  }
}
`;
}
