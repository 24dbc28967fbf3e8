import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compiled, Namespace } from '../ospf-socket/namespace.ts';

describe('the watch over links', () => {
  let namespace: Namespace;
  let child: ChildProcess;
  let seen: string[];
  let wake: () => void;

  beforeEach(() => {
    namespace = new Namespace('lk');
    namespace.ip('link add up0 mtu 1400 type veth peer name p0');
    namespace.ip('addr add 10.1.0.1/24 dev up0');
    namespace.ip('addr add 10.1.0.2/24 dev up0');
    namespace.ip('addr add 10.2.0.1/24 dev up0');
    seen = [];
    const [command, ...args] = namespace.command([process.execPath, compiled('test/contract/routes/links-main.js')]);
    child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    wake = () => {};
    child.once('exit', () => wake());
    createInterface({ input: child.stdout! }).on('line', (line) => {
      seen.push(line);
      wake();
    });
  });

  afterEach(async () => {
    await end();
    namespace.remove();
  });

  /** Ends the program; it must end by itself once its watch is closed. */
  async function end(): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.stdin!.end();
    return exited;
  }

  /** Everything up to the line that `last` matches. */
  async function until(last: RegExp): Promise<string[]> {
    while (!seen.some((line) => last.test(line))) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended after ${seen.join('\n')}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return seen.splice(0);
  }

  /** What the kernel has thrown away because a netlink socket of this namespace was full. */
  function droppedNotifications(): number {
    const [command, ...args] = namespace.command(['cat', '/proc/net/netlink']);
    const rows = execFileSync(command, args, { encoding: 'utf8' }).trim().split('\n').slice(1);
    return rows.reduce((sum, row) => sum + Number(row.trim().split(/\s+/)[8]), 0);
  }

  test('starts with all links, primary addresses first, down without a carrier', async () => {
    const started = await until(/^ready/);
    expect(started).toContain('start up0 down 1400 10.1.0.1/24 10.2.0.1/24 10.1.0.2/24');
    expect(started.filter((line) => line.startsWith('change'))).toEqual([]);
    expect(await end()).toBe(0);
  });

  test('reports carrier, addresses, MTU, a new name and the end of a link', async () => {
    await until(/^ready/);
    namespace.ip('link set up0 up');
    namespace.ip('link set p0 up');
    await until(/^change up0 up 1400 10\.1\.0\.1/);
    namespace.ip('addr add 10.3.0.1/24 dev up0');
    await until(/^change up0 up 1400 10\.1\.0\.1\/24 10\.2\.0\.1\/24 10\.3\.0\.1\/24 10\.1\.0\.2\/24$/);
    namespace.ip('addr flush dev up0');
    await until(/^change up0 up 1400$/);
    namespace.ip('link set up0 mtu 9000');
    await until(/^change up0 up 9000$/);
    namespace.ip('link set p0 down');
    await until(/^change up0 down 9000$/);
    namespace.ip('link set up0 down');
    namespace.ip('link set up0 name wan0');
    await until(/^change wan0 down 9000$/);
    namespace.ip('link del wan0');
    expect(await until(/^change wan0 down 9000$/)).not.toContain('error');
  });

  test('a carrier that is lost and back at once is reported twice', async () => {
    await until(/^ready/);
    namespace.ip('link set up0 up');
    namespace.ip('link set p0 up');
    await until(/^change up0 up/);
    namespace.ip('link set up0 down');
    namespace.ip('link set up0 up');
    const reports = await until(/^change up0 up/);
    expect(reports.some((line) => line.startsWith('change up0 down'))).toBe(true);
  });

  test('when more happens than the socket can hold, the last word is the right one', async () => {
    await until(/^ready/);
    namespace.ip('link set p0 up');
    // Stopped, the program cannot read: its receive buffer is soon full, and the kernel drops the rest.
    process.kill(child.pid!, 'SIGSTOP');
    for (let round = 0; round < 4; round++) {
      const batch = Array.from({ length: 700 }, (_, i) => `link set up0 mtu ${1300 + (i % 2)}`);
      namespace.batch([...batch, 'link set up0 mtu 1450']);
    }
    namespace.batch(['link set up0 up']);
    expect(droppedNotifications()).toBeGreaterThan(0);
    process.kill(child.pid!, 'SIGCONT');
    await until(/^change up0 up 1450/);
  });
});
