/** An FRR in memory, as far as the speaker uses one: takes configuration lines, shows what has become of them. */
import { KernelError } from '../../../src/io/kernel-error.ts';

export class FakeFrr {
  readonly counters = { calls: 0, timeouts: 0, refusals: 0 };
  /** Every line that was configured, in order; `write memory` too. */
  readonly log: string[] = [];
  readonly statics = new Map<string, string>();
  readonly maps = new Map<string, Map<number, string[]>>();
  readonly redistribute = new Map<string, string>();
  readonly interfaces = new Map<string, Set<string>>();
  /** What the operator has. */
  foreign = 'frr version 10.3\nhostname d1\n';
  processes: readonly string[] = [''];
  routerId = '10.255.0.1';
  /** Set by the test: the operator has said by the network where OSPF is spoken. */
  network = false;
  /** Set by the test: who does not answer. */
  silent: 'ospfd' | 'all' | undefined;
  /** Set by the test: lines that are refused. */
  refuses: RegExp | undefined;
  /** As an FRR that was killed and started anew. */
  forget(): void {
    for (const kept of [this.statics, this.maps, this.redistribute, this.interfaces]) kept.clear();
  }

  async show(commands: readonly string[], daemon?: string): Promise<string> {
    this.counters.calls += 1;
    this.#answer(daemon);
    return commands.map((command) => this.#shown(command)).join('\n');
  }

  async configure(lines: readonly string[]): Promise<void> {
    this.counters.calls += 1;
    this.#answer(undefined);
    let block = '';
    for (const line of lines) {
      if (this.refuses?.test(line))
        throw new KernelError('vtysh', { command: line, text: `% Unknown command: ${line}` });
      if (line !== 'exit') this.log.push(line);
      if (/^(route-map|router|interface)/.test(line)) {
        block = line;
        const [, name, number] = /^route-map (\S+) permit (\d+)$/.exec(line) ?? [];
        if (name !== undefined) this.#clause(name, Number(number));
      } else if (line === 'exit') block = '';
      else this.#take(line, block);
    }
  }

  #clause(name: string, number: number): string[] {
    const map = this.maps.get(name) ?? new Map<number, string[]>();
    this.maps.set(name, map);
    const lines = map.get(number) ?? [];
    map.set(number, lines);
    return lines;
  }

  #take(line: string, block: string): void {
    const [, no, said] = /^(no )?(.*)$/.exec(line)!;
    const [, prefix] = /^ip route (\S+)/.exec(said!) ?? [];
    const [, name, number] = /^route-map (\S+) permit (\d+)$/.exec(block) ?? [];
    const [, map] = /^redistribute static route-map (\S+)/.exec(said!) ?? [];
    if (block.startsWith('interface ')) this.#takeOf(block.slice(10), no !== undefined, said!);
    else if (prefix !== undefined) no ? this.statics.delete(prefix) : this.statics.set(prefix, said!);
    else if (name !== undefined) {
      const lines = this.#clause(name, Number(number));
      if (no) lines.splice(lines.indexOf(said!), 1);
      else lines.push(said!);
    } else if (map !== undefined) {
      const process = block.replace(/^router ospf ?/, '');
      no ? this.redistribute.delete(process) : this.redistribute.set(process, map);
    } else if (said!.startsWith('route-map ')) this.maps.delete(said!.split(' ')[1]!);
  }

  /** Another cost of an address takes the place of the one it had. */
  #takeOf(name: string, no: boolean, line: string): void {
    const lines = this.interfaces.get(name) ?? new Set<string>();
    const address = /^ip ospf cost \d+ (\S+)$/.exec(line)?.[1];
    for (const old of lines)
      if (address !== undefined && old.startsWith('ip ospf cost') && old.endsWith(` ${address}`)) lines.delete(old);
    if (no) lines.delete(line);
    else lines.add(line);
    if (lines.size === 0) this.interfaces.delete(name);
    else this.interfaces.set(name, lines);
  }

  #answer(daemon: string | undefined): void {
    if (this.silent === 'all' || (this.silent === 'ospfd' && daemon !== 'zebra')) {
      throw new KernelError('vtysh', { command: 'show', errno: 'ETIMEDOUT', text: 'no answer within 5 s' });
    }
  }

  #shown(command: string): string {
    if (command === 'show running-config') return this.#config();
    if (command === 'write memory') {
      this.log.push(command);
      return '[OK]';
    }
    const [, process = '', what = ''] = /^show ip ospf (?:(\d+) )?(.*?) ?json$/.exec(command)!;
    const lsas = this.#externals(process);
    const links = this.#stubs(process);
    if (what === '') {
      const sum = lsas.reduce((total, { metric, linkStateId }) => total + metric + linkStateId.length, 0);
      return JSON.stringify({
        routerId: this.routerId,
        areas: { '0.0.0.0': { lsaRouterChecksum: JSON.stringify(links) } },
        lsaExternalCounter: lsas.length,
        lsaExternalChecksum: sum,
      });
    }
    if (what === 'database router') {
      const header = {
        lsaAge: 1,
        linkStateId: this.routerId,
        advertisingRouter: this.routerId,
        lsaSeqNumber: '80000001',
      };
      const routerLinks = Object.fromEntries(links.map((link, at) => [`link${at}`, link]));
      return JSON.stringify({ routerLinkStates: { areas: { '0.0.0.0': [{ ...header, routerLinks }] } } });
    }
    if (what === 'database external') return JSON.stringify({ asExternalLinkStates: lsas });
    return '{}';
  }

  #config(): string {
    const maps = [...this.maps].flatMap(([name, clauses]) =>
      [...clauses].map(([number, lines]) =>
        [`route-map ${name} permit ${number}`, ...lines.map((line) => ` ${line}`)].join('\n'),
      ),
    );
    const routers = this.processes.map((process) => {
      const map = this.redistribute.get(process);
      const line = map === undefined ? '' : `\n redistribute static route-map ${map}`;
      const network = this.network ? '\n network 10.1.0.0/24 area 0.0.0.0' : '';
      return `router ospf${process === '' ? '' : ` ${process}`}\n ospf router-id ${this.routerId}${line}${network}`;
    });
    const interfaces = [...this.interfaces].map(([name, lines]) => [`interface ${name}`, ...lines].join('\n '));
    return [this.foreign, ...interfaces, ...maps, ...this.statics.values(), ...routers].join('\n');
  }

  /** Addresses of the interfaces that the process has in an area. */
  #stubs(process: string) {
    const area = new RegExp(`^ip ospf ${process === '' ? '' : `${process} `}area `);
    return [...this.interfaces.values()].flatMap((lines) => {
      if (![...lines].some((line) => area.test(line))) return [];
      return [...lines].flatMap((line) => {
        const networkAddress = /^ip address ([\d.]+)\/32$/.exec(line)?.[1];
        if (networkAddress === undefined) return [];
        const cost = [...lines].flatMap((one) => /^ip ospf cost (\d+) (\S+)$/.exec(one)?.slice(1) ?? []);
        const tos0Metric = Number(cost[cost.indexOf(networkAddress) - 1] ?? 10);
        return [{ linkType: 'Stub Network', networkAddress, networkMask: '255.255.255.255', tos0Metric }];
      });
    });
  }

  /** Through a route-map that does not exist, everything goes. */
  #externals(process: string) {
    const name = this.redistribute.get(process);
    if (name === undefined) return [];
    const clauses = [...(this.maps.get(name)?.values() ?? [['match any', 'set metric 20', 'set metric-type type-2']])];
    return [...this.statics].flatMap(([prefix, line]) => {
      const tag = / tag (\d+)/.exec(line)?.[1];
      const clause = clauses.find((lines) => lines.includes(`match tag ${tag}`) || lines.includes('match any'));
      if (clause === undefined) return [];
      const value = (pattern: RegExp) => clause.flatMap((one) => pattern.exec(one)?.[1] ?? [])[0];
      const [linkStateId, length] = prefix.split('/');
      return {
        ...{ lsaAge: 1, linkStateId: linkStateId!, advertisingRouter: this.routerId, lsaSeqNumber: '80000001' },
        ...{ networkMask: Number(length), metricType: `E${value(/type-(\d)/)}`, metric: Number(value(/metric (\d+)/)) },
        ...{ forwardAddress: '0.0.0.0', externalRouteTag: Number(value(/set tag (\d+)/) ?? tag) },
      };
    });
  }
}
