/** Real connections through a lab, and what can be claimed of them: all complete, servers by weight, nothing dropped. */
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import { type Claim, claimBetween, claimEqual } from '../report/result.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import type { AskOptions, AskOutcome } from '../traffic/ask-main.ts';

const PROGRAM = join(projectRoot, 'dist/lab/traffic/ask-main.js');
const LONGEST = 120_000;

export type Question = Pick<AskOptions, 'target' | 'count'> & Partial<AskOptions>;

/** Opens connections from a node. Throws LabError when the program fails, which a connection that fails does not make it. */
export async function askFrom(node: LabNode, question: Question): Promise<readonly AskOutcome[]> {
  const options: AskOptions = { sources: [], parallel: 20, bytes: 3000, patience: 5000, ...question };
  const words = [process.execPath, PROGRAM, JSON.stringify(options)];
  const { code, stdout, stderr } = await node.exec(words, { deadline: LONGEST });
  if (code !== 0) throw new LabError(`the client on ${node.name}: ${stderr.trim()}`);
  return JSON.parse(stdout) as AskOutcome[];
}

/** Whether all of them were opened, answered and served to the last byte. */
export function completeClaim(name: string, outcomes: readonly AskOutcome[]): Claim {
  const faults = [...new Set(outcomes.map(({ fault }) => fault).filter((fault) => fault !== undefined))];
  const label = faults.length === 0 ? name : `${name} (${faults.join(', ')})`;
  return claimEqual(label, outcomes.filter(({ complete }) => complete).length, outcomes.length);
}

/** Of the servers of the small topologies. */
export const WEIGHTS: Readonly<Record<string, number>> = { s1: 1, s2: 1, s3: 2 };

/** Standard deviations of the binomial distribution: one run in some thousands lies beyond. */
const BEYOND = 4;

/** Whether each server had its share by weight, as far as so many connections can tell. */
export function weightClaims(weights: Readonly<Record<string, number>>, outcomes: readonly AskOutcome[]): Claim[] {
  const sum = Object.values(weights).reduce((a, b) => a + b, 0);
  return Object.entries(weights).map(([name, weight]) => {
    const share = weight / sum;
    const spread = BEYOND * Math.sqrt(outcomes.length * share * (1 - share));
    const mean = outcomes.length * share;
    const count = outcomes.filter(({ server }) => server === name).length;
    return claimBetween(`connections of ${name}`, count, Math.floor(mean - spread), Math.ceil(mean + spread), '');
  });
}

/** As whom the servers saw the clients: these addresses and no others. */
export function seenAsClaim(addresses: readonly string[], outcomes: readonly AskOutcome[]): Claim {
  const seen = new Set(outcomes.flatMap(({ seenAs }) => seenAs ?? []));
  return claimEqual('clients as the servers see them', [...seen].sort().join(' '), [...addresses].sort().join(' '));
}

/** Packets by named counter, of a table of ours in a director's kernel. Throws LabError. */
export async function countersOf(director: LabNode, table: string): Promise<ReadonlyMap<string, number>> {
  const { code, stdout, stderr } = await director.exec(['nft', '-j', 'list', 'counters', 'table', 'ip', table]);
  if (code !== 0) throw new LabError(`the counters of ${table} on ${director.name}: ${stderr.trim()}`);
  const { nftables } = JSON.parse(stdout) as {
    readonly nftables: readonly { readonly counter?: { readonly name: string; readonly packets: number } }[];
  };
  return new Map(nftables.flatMap(({ counter }) => (counter === undefined ? [] : [[counter.name, counter.packets]])));
}

type Drops = ReadonlyMap<string, number>;

/** What the guards of the directors drop from here on. While a network comes up, routers try ways that are none. */
export class DropWatch {
  readonly #directors: readonly LabNode[];
  readonly #before: Drops;

  private constructor(directors: readonly LabNode[], before: Drops) {
    this.#directors = directors;
    this.#before = before;
  }

  static async begin(lab: Lab, names: readonly string[]): Promise<DropWatch> {
    const directors = names.map((name) => lab.node(name));
    return new DropWatch(directors, await dropsOf(directors));
  }

  async nothingDroppedClaim(): Promise<Claim> {
    const drops = (await this.#drops()).map(([key, packets]) => `${key} ${packets}`);
    return claimEqual('packets that the directors dropped', drops.join(', ') || 'none', 'none');
  }

  /**
   * The same where inside hosts open the connections and a director must not let their resets out that belong to no connection. On a
   * busy machine a delayed packet is sent again; a copy that comes after the end is answered by a reset, which nobody waits for.
   *
   * @param resets that the inside hosts sent meanwhile
   */
  async nothingButResetsDroppedClaim(resets: number): Promise<Claim> {
    const drops = await this.#drops();
    const packets = drops.reduce((sum, [, dropped]) => sum + dropped, 0);
    const which = drops.map(([key, dropped]) => `${key} ${dropped}`).join(', ') || 'none';
    const name = `packets that the directors dropped (${which}), beyond ${resets} resets for late copies`;
    return claimBetween(name, Math.max(0, packets - resets), 0, 0, '');
  }

  async #drops(): Promise<[key: string, packets: number][]> {
    const since = [...(await dropsOf(this.#directors))].map(([key, packets]): [string, number] => [
      key,
      packets - (this.#before.get(key) ?? 0),
    ]);
    return since.filter(([, packets]) => packets > 0);
  }
}

/** TCP resets that a host has sent since it was made. Throws LabError. */
export async function resetsOf(node: LabNode): Promise<number> {
  const { code, stdout, stderr } = await node.exec(['cat', '/proc/net/snmp']);
  if (code !== 0) throw new LabError(`counters of TCP on ${node.name}: ${stderr.trim()}`);
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Tcp:'));
  return Number(values!.split(' ')[names!.split(' ').indexOf('OutRsts')]);
}

/** By director and counter. */
async function dropsOf(directors: readonly LabNode[]): Promise<Drops> {
  const drops = new Map<string, number>();
  for (const director of directors) {
    for (const [counter, packets] of await countersOf(director, 'sluice_guard_v1')) {
      drops.set(`${director.name} ${counter}`, packets);
    }
  }
  return drops;
}
