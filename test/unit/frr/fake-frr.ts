/** An FRR in memory, as far as the speaker uses one: takes configuration lines, shows what has become of them. */
import { KernelError } from '../../../src/io/kernel-error.ts';

export class FakeFrr {
  readonly counters = { calls: 0, timeouts: 0, refusals: 0 };
  /** Every line that was configured, in order; `write memory` too. */
  readonly log: string[] = [];
  readonly statics = new Map<string, string>();
  readonly maps = new Map<string, Map<number, string[]>>();
  readonly redistribute = new Map<string, string>();
  /** What the operator has. */
  foreign = 'frr version 10.3\nhostname d1\n';
  processes: readonly string[] = [''];
  routerId = '10.255.0.1';
  /** Set by the test: who does not answer. */
  silent: 'ospfd' | 'all' | undefined;
  /** Set by the test: lines that are refused. */
  refuses: RegExp | undefined;
  /** As an FRR that was killed and started anew. */
  forget(): void {
    for (const kept of [this.statics, this.maps, this.redistribute]) kept.clear();
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
      if (/^(route-map|router)/.test(line)) {
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
    if (prefix !== undefined) no ? this.statics.delete(prefix) : this.statics.set(prefix, said!);
    else if (name !== undefined) {
      const lines = this.#clause(name, Number(number));
      if (no) lines.splice(lines.indexOf(said!), 1);
      else lines.push(said!);
    } else if (map !== undefined) {
      const process = block.replace(/^router ospf ?/, '');
      no ? this.redistribute.delete(process) : this.redistribute.set(process, map);
    } else if (said!.startsWith('route-map ')) this.maps.delete(said!.split(' ')[1]!);
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
    if (what === '') {
      const sum = lsas.reduce((total, { metric, linkStateId }) => total + metric + linkStateId.length, 0);
      return JSON.stringify({
        routerId: this.routerId,
        areas: {},
        lsaExternalCounter: lsas.length,
        lsaExternalChecksum: sum,
      });
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
      return `router ospf${process === '' ? '' : ` ${process}`}\n ospf router-id ${this.routerId}${line}`;
    });
    return [this.foreign, ...maps, ...this.statics.values(), ...routers].join('\n');
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
