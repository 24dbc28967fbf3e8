/**
 * Where the processor time of a process goes: samples of `perf`, sorted by what the process was doing. A sample belongs to the
 * first part that any of its frames is of, as far as they lie inside of JavaScript; what is left of ours is JavaScript.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Names of functions of the kernel, of libc, Node, V8, OpenSSL and conntrackd, from the most special to the most general. */
const PARTS: readonly (readonly [part: string, frames: RegExp])[] = [
  ['telling of what was written (kernel)', /^ctnetlink_conntrack_event/],
  ['writing entries (kernel)', /^(ctnetlink_|nfnetlink_rcv|netlink_(unicast|sendmsg))/],
  ['reading netlink (kernel)', /^netlink_recvmsg|^__x64_sys_recvmmsg/],
  ['sending to the peer (kernel)', /^(tcp_sendmsg|udp_sendmsg|tcp_write_xmit)/],
  ['reading from the peer (kernel)', /^(tcp_recvmsg|udp_recvmsg)/],
  ['sleeping and waking (kernel)', /^(do_epoll|__schedule|do_select|core_sys_select|do_futex)/],
  ['other system calls', /^do_syscall_64/],
  ['page faults', /^asm_exc_page_fault/],
  ['collecting garbage', /::(Heap|Scavenger|MarkCompactCollector|IncrementalMarking|Sweeper)\w*::/],
  ['compiling', /(Compiler|Turbo|Maglev|Baseline\w*Compiler|Deoptimize|Sparkplug)/],
  ['TLS', /(TLSWrap|^SSL_|^ssl3?_|^tls1?3?_|ChaCha20|poly1305|^EVP_)/],
];
const REST = 'the program itself';
export const PART_NAMES: readonly string[] = [...PARTS.map(([part]) => part), REST];
const FREQUENCY = '4999';

/** Microseconds by part, by process. */
export type Profile = ReadonlyMap<number, ReadonlyMap<string, number>>;

export class Recording {
  readonly #perf: ChildProcess;
  readonly #file: string;

  private constructor(perf: ChildProcess, file: string) {
    this.#perf = perf;
    this.#file = file;
  }

  /** @throws Error without `perf` */
  static async start(pids: readonly number[], file: string): Promise<Recording> {
    await promisify(execFile)('perf', ['--version']).catch(() => {
      throw new Error('this needs perf (apt-get install linux-perf)');
    });
    const words = ['record', '-q', '-F', FREQUENCY, '-g', '-p', pids.join(','), '-o', file];
    const recording = new Recording(spawn('perf', words, { stdio: 'ignore' }), file);
    // It says nothing when it has begun.
    await sleep(300);
    return recording;
  }

  async stop(): Promise<Profile> {
    const ended = once(this.#perf, 'exit');
    this.#perf.kill('SIGINT');
    await ended;
    const words = ['script', '-i', this.#file, '-F', 'pid,period,ip,sym'];
    const { stdout } = await promisify(execFile)('perf', words, { maxBuffer: 1 << 30 });
    return profileOf(stdout);
  }
}

/** A sample is a line with process and nanoseconds, then a line for each frame, innermost first, then an empty line. */
function profileOf(script: string): Profile {
  const profile = new Map<number, Map<string, number>>();
  for (const sample of script.split('\n\n')) {
    const [head = '', ...frames] = sample.split('\n').filter((line) => line.trim() !== '');
    const [pid, period] = head.match(/\d+/g) ?? [];
    if (pid === undefined || period === undefined) continue;
    const parts = profile.get(Number(pid)) ?? new Map<string, number>();
    profile.set(Number(pid), parts);
    const part = partOf(frames.map((frame) => frame.trim().replace(/^[0-9a-f]+ /, '')));
    parts.set(part, (parts.get(part) ?? 0) + Number(period) / 1000);
  }
  return profile;
}

/** What JavaScript was called by does not count: all of ours is called by reading something. */
function partOf(frames: readonly string[]): string {
  const javaScript = frames.findIndex((frame) => /^(Builtins_|\[unknown\])/.test(frame));
  const inner = javaScript < 0 ? frames : frames.slice(0, javaScript);
  return PARTS.find(([, pattern]) => inner.some((frame) => pattern.test(frame)))?.[0] ?? REST;
}
