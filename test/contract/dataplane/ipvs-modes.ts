/** What IPVS has beside plain NAT, by real packets: where packets go, by whose address, and what servers and clients see of it. */
import { expect, test } from 'vitest';
import { until } from '../../../lab/runtimes/wait.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowPredictor } from '../../../src/core/hash/flow-prediction.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import { IPVS_SCHEDULERS } from '../../../src/core/model/scheduler.ts';
import type { Connection } from '../../../src/core/netlink/conntrack.ts';
import type { ConnectionRecord } from '../../../src/core/sync/records/record.ts';
import { agreement, LIP, ofDirectors, TCP, UDP } from './fullnat-suite.ts';
import type { GuestBench } from './guest-bench.ts';
import { ofIpvs } from './ipvs-suite.ts';
import { ADDRESS_OF, FRONT_OF, type Network } from './netns.ts';
import { POOL, seenOutside, withPool } from './snat-suite.ts';
import { CLIENT, EVEN, freshPorts, servers, tally, VIP, WEB, web } from './suite.ts';

const OUTSIDE_PORT = 8080;

const onIpvs = (desired: DesiredDataplane): DesiredDataplane => ({ ...desired, plane: 'ipvs' });

/** In the words of `from`: the server, and whom it sees. */
function predictedSources(desired: DesiredDataplane, service: DesiredService, sport: number, count: number): string[] {
  const predict = flowPredictor(desired, service);
  return Array.from({ length: count }, (_, i) => {
    const { server, source } = predict(ipv4(CLIENT), sport + i, service.ports[0]);
    return `${server?.name} ${source && formatIpv4(source.address)}:${source?.port}`;
  });
}

/** The server of each connection from consecutive ports, as records say. */
function serversOf(records: readonly ConnectionRecord[], sport: number, count: number): (string | undefined)[] {
  const byPort = new Map(records.map(({ clientPort, server }) => [clientPort, formatIpv4(server)]));
  const nameOf = new Map<string, string>(Object.entries(ADDRESS_OF).map(([name, address]) => [address, name]));
  return Array.from({ length: count }, (_, i) => nameOf.get(byPort.get(sport + i) ?? ''));
}

const keysOf = (sport: number, count: number) => Array.from({ length: count }, (_, i) => String(sport + i));

/** Connections that IPVS has in its table. */
async function ipvsConnections(bench: GuestBench): Promise<number> {
  return Number((await bench.said(['sh', '-c', 'tail -n +2 /proc/net/ip_vs_conn | wc -l'])).trim());
}

/** Of those whose time in IPVS is short neither it nor conntrack knows anything any more. */
async function forgetConnections(bench: GuestBench): Promise<void> {
  await until('IPVS to forget its connections', 30_000, async () => (await ipvsConnections(bench)) === 0);
  await bench.said(['conntrack', '-F']);
}

export function ipvsModes(bench: GuestBench, network: Network): void {
  test.each([
    ['TCP', TCP, { ...WEB, word: 'from' }],
    ['UDP', UDP, { vip: VIP, port: 53, protocol: 'udp', word: 'from' }],
  ] as const)('FullNAT, %s: servers see the source that is predicted', async (_, service, target) => {
    const desired = onIpvs(ofDirectors(TCP, UDP));
    await bench.said(['ip', 'route', 'replace', 'local', `${LIP.d1}/32`, 'dev', 'lo']);
    expect((await bench.apply(desired)).programmed).toEqual(['web', 'dns']);
    expect(await bench.apply(desired)).toMatchObject({ operations: [], drift: false });
    const sport = freshPorts(200);
    const seen = await bench.connect(sport, 200, target);
    // Ports that follow one another have places of their own in a block, but there is more than one block.
    expect(agreement(seen, predictedSources(desired, service, sport, 200))).toBeGreaterThanOrEqual(0.99);
  });

  test('FullNAT, the director dead and nothing known of its connections: they go on by prediction', async () => {
    const one = { ...TCP, timeouts: { established: 2 } };
    const before = onIpvs(ofDirectors(one));
    await bench.remove();
    await bench.apply(before);
    // Who takes packets hears of connections, too, which IPVS translates without a bit of their status.
    await bench.call('chance', { desired: before, dead: [] });
    const sport = freshPorts(50);
    const answers = await bench.connect(sport, 50);
    expect(Object.keys(tally(answers)).sort()).toEqual(['s1', 's2', 's3']);
    const { told, listed } = await bench.call<Record<'told' | 'listed', readonly ConnectionRecord[]>>('copies');
    for (const records of [told, listed]) expect(serversOf(records, sport, 50)).toEqual(answers);
    await forgetConnections(bench);
    // The same machine as another director, which has never seen them; nothing has to be forgotten from here on.
    const after = { ...onIpvs(ofDirectors(TCP)), self: 'd2', members: ['d2', 'd3'] };
    await bench.apply(after);
    await bench.call('chance', { desired: after, dead: ['d1'] });
    await bench.takeMisses(600_000);
    const said = await bench.ask(sport, 50);
    const others = said.filter((server, at) => server !== answers[at]);
    expect(others.filter((answer) => answer !== 'timeout')).toEqual([]);
    const counts = await bench.call<Record<string, number>>('chances');
    expect(counts).toMatchObject({ faults: [], 'predictions.refuted': 0 });
    expect(counts['predictions.predicted']).toBeGreaterThanOrEqual(49);
    // A port that was taken when it began would be another one: none is here.
    expect(others.length).toBeLessThanOrEqual(1);
    expect(await ipvsConnections(bench)).toBe(0);
  });

  test('FullNAT without a port block: nothing reaches a server, and it is counted', async () => {
    await bench.apply(onIpvs({ ...ofDirectors(UDP), members: ['d2', 'd3'] }));
    const before = (await bench.counters()).fullnat.noBlock;
    const target = { vip: VIP, port: 53, protocol: 'udp', timeout: 500 } as const;
    expect(await bench.connect(freshPorts(3), 3, target)).toEqual(['timeout', 'timeout', 'timeout']);
    expect((await bench.counters()).fullnat.noBlock).toBe(before + 3);
  });

  test('SNAT: connections that servers open leave from own blocks of the pool, as predicted', async () => {
    const desired = onIpvs(withPool());
    await bench.apply(desired);
    for (const address of POOL) {
      await network.in('cl', ['ip', 'route', 'replace', address, 'via', FRONT_OF.d1]);
      await bench.said(['ip', 'route', 'replace', 'local', `${address}/32`, 'dev', 'lo']);
    }
    const outside = network.start('cl', 'server-main', 'outside', String(OUTSIDE_PORT));
    await outside.call('ready');
    const opener = network.start('s1', 'client-main');
    const sport = freshPorts(60);
    const to = { source: ADDRESS_OF.s1, vip: FRONT_OF.cl, port: OUTSIDE_PORT, sport, timeout: 5000, word: 'from' };
    const seen = await opener.call<string[]>('open', { ...to, keys: keysOf(sport, 60) });
    const expected = seenOutside(desired, 's1', sport, 60).map((one) => `outside ${one}`);
    expect(agreement(seen, expected)).toBeGreaterThanOrEqual(0.98);
  });

  test('connections carry their server’s id as their mark, and the kernel tells of them twice only', async () => {
    await bench.remove();
    await bench.apply(ofIpvs(web(servers(EVEN))));
    await bench.said(['conntrack', '-F']);
    const answers = tally(await bench.connect(freshPorts(30), 30));
    const list = await bench.said(['conntrack', '-L', '-p', 'tcp', '--orig-dst', VIP]);
    const marks = tally([...list.matchAll(/ mark=(\d+)/g)].map(([, mark]) => mark!));
    expect(Object.values(marks).sort()).toEqual(Object.values(answers).sort());
    expect(marks['0']).toBeUndefined();
    const marksOf = async () =>
      (await bench.call<readonly Connection[]>('connections')).map(({ mark }) => String(mark));
    expect(tally(await marksOf())).toEqual(marks);
    const [first, ...others] = Object.keys(marks);
    await bench.call('deleteOf', { serverId: Number(first) });
    expect(Object.keys(tally(await marksOf())).sort()).toEqual(others.sort());
  });

  test('NAT in mid-life, unknown here: it finds its server by the hash, though an agent would ask about others', async () => {
    await bench.remove();
    await bench.apply(ofIpvs({ ...web(servers(EVEN)), timeouts: { established: 2 } }));
    await bench.takeMisses(60_000);
    const sport = freshPorts(30);
    const before = await bench.connect(sport, 30);
    await forgetConnections(bench);
    expect(await bench.ask(sport, 30)).toEqual(before);
  });

  test('a port of a VIP without a service is silent, and counted', async () => {
    await bench.apply(ofIpvs(web(servers(EVEN))));
    const before = (await bench.counters()).guard.vipUnknown;
    const target = { vip: VIP, port: 443, protocol: 'tcp', timeout: 500 } as const;
    expect(await bench.connect(freshPorts(2), 2, target)).toEqual(['timeout', 'timeout']);
    expect((await bench.counters()).guard.vipUnknown).toBeGreaterThanOrEqual(before + 2);
  });

  test('a service without a scheduler takes no more connections than one without servers, and some as soon as it has one', async () => {
    await bench.apply(ofIpvs(web(servers(EVEN))));
    const [at, target] = [`-t ${VIP}:443`, { vip: VIP, port: 443, protocol: 'tcp', timeout: 500 } as const];
    await bench.byHand(`-A ${at} -s mh\n`);
    const refused = await bench.connect(freshPorts(2), 2, target);
    await bench.byHand(`-D ${at}\n-A ${at} -s none\n-a ${at} -r 10.2.0.21:443 -m\n`);
    expect(await bench.connect(freshPorts(2), 2, target)).toEqual(refused);
    expect(refused).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    await bench.byHand(`-E ${at} -s mh\n`);
    expect(await bench.connect(freshPorts(2), 2, target)).toEqual(['s1', 's1']);
    await bench.byHand(`-D ${at}\n`);
  });

  test('connections of a server that are ended: the client hears RST when it sends, others go on', async () => {
    const whole = web(servers(EVEN));
    await bench.apply(ofIpvs(whole));
    const sport = freshPorts(30);
    const before = await bench.connect(sport, 30);
    const ended = servers(EVEN, { s2: 'drained' }).map((one) => (one.name === 's2' ? { ...one, ended: true } : one));
    await bench.apply(ofIpvs(web(ended)));
    const after = await bench.ask(sport, 30);
    expect(after).toEqual(before.map((one) => (one === 's2' ? 'ECONNRESET' : one)));
  });

  test('a server that has as many connections as it may have gets no more until some have ended', async () => {
    await bench.remove();
    const limited = servers(EVEN).map((one) => (one.name === 's1' ? { ...one, limit: 5, resume: 3 } : one));
    await bench.apply(ofIpvs({ ...web(limited), scheduler: { name: 'rr' } }));
    const sport = freshPorts(45);
    expect(tally(await bench.connect(sport, 45))).toEqual({ s1: 5, s2: 20, s3: 20 });
  });

  test('persistence: a client meets one server whatever its ports; other clients meet others', async () => {
    await bench.remove();
    const clients = Array.from({ length: 9 }, (_, i) => `10.9.1.${i + 1}`);
    await bench.apply(ofIpvs({ ...web(servers(EVEN)), scheduler: { name: 'rr' }, persistence: 600_000 }));
    const answers = await bench.connect(freshPorts(27), 27, { ...WEB, sources: clients });
    clients.forEach((_, i) => {
      expect([answers[i + 9], answers[i + 18]]).toEqual([answers[i], answers[i]]);
    });
    expect(tally(answers)).toEqual({ s1: 9, s2: 9, s3: 9 });
    expect((await bench.listing())[0]).toMatch(/-p 600$/);
  });

  test('persistence by network: clients of one /24 meet one server', async () => {
    await bench.remove();
    const persistence = { persistence: 600_000, persistenceMask: 24 };
    await bench.apply(ofIpvs({ ...web(servers(EVEN)), scheduler: { name: 'rr' }, ...persistence }));
    const clients = ['10.9.2.1', '10.9.2.2', '10.9.2.200'];
    const answers = await bench.connect(freshPorts(9), 9, { ...WEB, sources: clients });
    expect(Object.keys(tally(answers))).toHaveLength(1);
  });

  test('one packet: every datagram of a socket meets a server by itself', async () => {
    const dns: DesiredService = { ...web(servers(EVEN)), name: 'dns', protocol: 'udp', ports: [53] };
    for (const onePacket of [true, false]) {
      await bench.apply(ofIpvs({ ...dns, scheduler: { name: 'rr' }, onePacket }));
      const note = { source: CLIENT, vip: VIP, port: 53, sport: freshPorts(1), count: 1, word: 'note' };
      for (let i = 0; i < 30; i++) await bench.client().call('cast', note);
      // Nothing is answered, and nothing could be: no connection is kept by which an answer would be translated.
      const counts = [0, 0, 0];
      const noted = async () => {
        const fresh = await Promise.all(bench.servers().map((server) => server.call<unknown[]>('notes')));
        for (const [i, { length }] of fresh.entries()) counts[i]! += length;
        return counts.reduce((sum, count) => sum + count, 0);
      };
      await expect.poll(noted, { timeout: 8000 }).toBe(30);
      expect(counts.toSorted((a, b) => a - b)).toEqual(onePacket ? [10, 10, 10] : [0, 0, 30]);
    }
  });

  test('a service by mark: several ports, TCP and UDP, one choice of server', async () => {
    await bench.remove();
    await bench.markPackets(7);
    const scheduler = { name: 'mh', slots: 4099, sourcePort: false } as const;
    const marked: DesiredService = { ...web(servers(EVEN)), name: 'shop', ports: [], fwmark: 7, scheduler };
    expect((await bench.apply(ofIpvs(marked))).programmed).toEqual(['shop']);
    const clients = Array.from({ length: 20 }, (_, i) => `10.9.4.${i + 1}`);
    const ask = async (port: number, protocol: 'tcp' | 'udp') =>
      bench.connect(freshPorts(20), 20, { vip: VIP, port, protocol, sources: clients });
    const first = await ask(80, 'tcp');
    expect(Object.keys(tally(first)).length).toBeGreaterThan(1);
    expect(await ask(443, 'tcp')).toEqual(first);
    expect(await ask(53, 'udp')).toEqual(first);
    const predict = flowPredictor(ofIpvs(marked), marked);
    expect(first).toEqual(clients.map((client) => predict(ipv4(client), 0, 0).server?.name));
    await bench.said(['nft', 'delete', 'table', 'ip', 'mine']);
  });

  test('every scheduler of the kernel can be had; one that it has not is told, and costs no other service', async () => {
    await bench.remove();
    const services = IPVS_SCHEDULERS.map((name, i): DesiredService => {
      return { ...web(servers(EVEN)), name, ports: [8000 + i], scheduler: { name } };
    });
    const report = await bench.apply(ofIpvs(...services));
    const missing = IPVS_SCHEDULERS.filter((name) => !report.programmed.includes(name));
    expect(missing).toEqual(bench.kernel === '6.1' ? ['twos'] : []);
    expect(report.refused?.length ?? 0).toBe(missing.length === 0 ? 0 : 4);
    expect(await bench.apply(ofIpvs(web(servers(EVEN))))).toMatchObject({ programmed: ['web'] });
  });

  test('every kind of tunnel is held as it was wished, and so is direct routing', async () => {
    const tunnels = [
      { type: 'ipip', checksum: 'none' },
      { type: 'gue', port: 6080, checksum: 'none' },
      { type: 'gue', port: 6080, checksum: 'checksum' },
      { type: 'gue', port: 6080, checksum: 'remote' },
      { type: 'gre', checksum: 'none' },
      { type: 'gre', checksum: 'checksum' },
    ] as const;
    const services = tunnels.map((tunnel, i): DesiredService => {
      return { ...web(servers(EVEN)), name: `t${i}`, ports: [8000 + i], tunnel };
    });
    const direct: DesiredService = { ...web(servers(EVEN)), direct: { device: 'back' } };
    const desired = ofIpvs(...services, direct);
    expect((await bench.apply(desired)).programmed).toHaveLength(7);
    expect(await bench.apply(desired)).toMatchObject({ operations: [], drift: false });
  });

  test('timeouts of the file are the kernel’s, and those of before come back', async () => {
    await bench.apply(ofIpvs({ ...web(servers(EVEN)), timeouts: { established: 7200, fin_wait: 60 } }));
    expect(await bench.said(['ipvsadm', '-l', '--timeout'])).toBe('Timeout (tcp tcpfin udp): 7200 60 300\n');
    await bench.remove();
    expect(await bench.said(['ipvsadm', '-l', '--timeout'])).toBe('Timeout (tcp tcpfin udp): 900 120 300\n');
  });

  // The last: from here on servers answer past the director.
  test('direct routing: servers that hold the VIP answer the client themselves', async () => {
    await network.answerDirectly([ipv4(VIP)]);
    const direct: DesiredService = { ...web(servers(EVEN)), direct: { device: 'back' } };
    await bench.apply(ofIpvs(direct));
    const sport = freshPorts(200);
    const answers = await bench.connect(sport, 200);
    const predict = flowPredictor(ofIpvs(direct), direct);
    expect(answers).toEqual(answers.map((_, i) => predict(ipv4(CLIENT), sport + i, 80).server?.name));
    expect(await bench.ask(sport, 200)).toEqual(answers);
  });
}
