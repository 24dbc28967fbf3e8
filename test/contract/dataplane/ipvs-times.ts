/** How long IPVS keeps what it knows: clients of a persistent service, connections by their state. By the kernel's own table. */
import { describe, expect, test } from 'vitest';
import { formatIpv4, type ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import type { GuestBench } from './guest-bench.ts';
import { ofIpvs } from './ipvs-suite.ts';
import { type Network, SERVERS } from './netns.ts';
import { EVEN, freshPorts, servers, VIP, WEB, web } from './suite.ts';

const DNS = { vip: VIP, port: 53, protocol: 'udp' } as const;
/** What a busy machine adds to a delay, milliseconds. */
const BUSY = 8000;

interface Entry {
  readonly client: string;
  /** 0: what is remembered of a client. */
  readonly clientPort: number;
  readonly state: string;
  /** Seconds. */
  readonly expires: number;
}

const rr = { name: 'rr' } as const;
const dns = (more: Partial<DesiredService>): DesiredService => {
  return { ...web(servers(EVEN)), name: 'dns', ports: [53], protocol: 'udp', scheduler: rr, ...more };
};

export function ipvsTimes(bench: GuestBench, network: Network): void {
  /** Of one client and port, or of all ports. */
  async function entries(client: string, port?: number): Promise<readonly Entry[]> {
    const lines = (await bench.said(['cat', '/proc/net/ip_vs_conn'])).trim().split('\n').slice(1);
    const all = lines.map((line): Entry => {
      const [, from, fromPort, , , , , state, expires] = line.trim().split(/\s+/);
      const address = formatIpv4(Number.parseInt(from!, 16) as ReturnType<typeof ipv4>);
      return { client: address, clientPort: Number.parseInt(fromPort!, 16), state: state!, expires: Number(expires) };
    });
    return all.filter((one) => one.client === client && (port === undefined || one.clientPort === port));
  }

  /** Milliseconds until there is no such entry. */
  async function gone(client: string, port: number): Promise<number> {
    const since = performance.now();
    await expect.poll(() => entries(client, port), { timeout: 20_000, interval: 200 }).toEqual([]);
    return performance.now() - since;
  }

  function expectAfter(seconds: number, took: number): void {
    // What was asked for, less the second that is cut off and the way of the question.
    expect(took).toBeGreaterThan((seconds - 1) * 1000);
    expect(took).toBeLessThan(seconds * 1000 + BUSY);
  }

  describe('times', () => {
    test('persistence of 600 s: the kernel remembers the client for as long, from its last connection on', async () => {
      await bench.remove();
      await bench.apply(ofIpvs({ ...web(servers(EVEN)), scheduler: rr, persistence: 600_000 }));
      const target = { ...WEB, sources: ['10.9.20.1'] };
      const [server] = await bench.connect(freshPorts(1), 1, target);
      const [first] = await entries('10.9.20.1', 0);
      expect(first?.expires).toBeGreaterThanOrEqual(590);
      expect(first?.expires).toBeLessThanOrEqual(600);
      const less = async () => (await entries('10.9.20.1', 0))[0]?.expires;
      await expect.poll(less, { timeout: 20_000, interval: 500 }).toBeLessThan(first!.expires - 1);
      const before = await less();
      expect(await bench.connect(freshPorts(1), 1, target)).toEqual([server]);
      expect(await less()).toBeGreaterThan(before!);
    });

    test('persistence expires: the client is forgotten, and it is the next server’s turn', async () => {
      await bench.remove();
      await bench.apply(ofIpvs(dns({ persistence: 4000, timeouts: { replied: 1 } })));
      const target = { ...DNS, sources: ['10.9.20.2'] };
      const [server] = await bench.connect(freshPorts(1), 1, target);
      expect(await bench.connect(freshPorts(2), 2, target)).toEqual([server, server]);
      expectAfter(4, await gone('10.9.20.2', 0));
      const [next] = await bench.connect(freshPorts(1), 1, target);
      expect(SERVERS).toContain(next);
      expect(next).not.toBe(server);
    });

    test('established, fin_wait and replied: a connection is kept for the time of its state, and no longer', async () => {
      await bench.remove();
      const tcp = { ...web(servers(EVEN)), timeouts: { established: 5, fin_wait: 3 } };
      await bench.apply(ofIpvs(tcp, dns({ timeouts: { replied: 2 } })));
      const [silent, talking, ending, asking] = [freshPorts(1), freshPorts(1), freshPorts(1), freshPorts(1)];
      const from = (client: string) => ({ sources: [client] });
      await bench.connect(talking, 1, { ...WEB, ...from('10.9.21.1') });
      await bench.connect(ending, 1, { ...WEB, ...from('10.9.21.2') });
      await endHalfway(String(ending));
      const halfway = [{ state: 'FIN_WAIT' }];
      await expect.poll(() => entries('10.9.21.2', ending), { timeout: 5000, interval: 50 }).toMatchObject(halfway);
      const ended = gone('10.9.21.2', ending);
      await bench.connect(silent, 1, { ...WEB, ...from('10.9.21.3') });
      expect(await entries('10.9.21.3', silent)).toMatchObject([{ state: 'ESTABLISHED' }]);
      const silenced = gone('10.9.21.3', silent);
      await bench.connect(asking, 1, { ...DNS, ...from('10.9.21.4') });
      expect(await entries('10.9.21.4', asking)).toMatchObject([{ state: 'UDP' }]);
      const answered = gone('10.9.21.4', asking);
      let isSilent = true;
      const talk = async () => {
        while (isSilent) {
          await bench.ask(talking, 1);
          // Oftener than the time-out, and no wait for anything: it is what keeps the connection in the table.
          await new Promise((resolve) => setTimeout(resolve, 1000));
        }
      };
      const talked = talk();
      expectAfter(2, await answered);
      expectAfter(3, await ended);
      expectAfter(5, await silenced);
      isSilent = false;
      await talked;
      expect(await entries('10.9.21.1', talking)).toMatchObject([{ state: 'ESTABLISHED' }]);
      await network.in('cl', ['nft', 'delete', 'table', 'ip', 'halfway']);
      await bench.remove();
    });
  });

  /** A server ends its side of a connection, and the client's FIN is lost: the kernel's own word for that is FIN_WAIT. */
  async function endHalfway(key: string): Promise<void> {
    const chain = 'type filter hook output priority 0\ntcp dport 80 tcp flags & fin == fin drop';
    await network.in('cl', ['nft', '-f', '-'], `table ip halfway {\nchain out {\n${chain}\n}\n}\n`);
    await bench.client().call('ask', { keys: [key], later: true });
    const waiting = async () => {
      const counts = await Promise.all(bench.servers().map((server) => server.call<number>('waiting')));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    await expect.poll(waiting, { timeout: 5000 }).toBe(1);
    for (const server of bench.servers()) await server.call('end', { how: 'end' });
  }
}
