/**
 * Our tables in the kernel: read by netlink, written by `nft`.
 *
 * In: operations, and which sets are worth reading. Out: `Found`, and the generation at which it was so. It compares
 * nothing and remembers nothing.
 */

import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import type { Steps } from '../../core/base/steps.ts';
import type { CountingSets } from '../../core/dataplane/counters.ts';
import { type ClientEntry, decodeClientEntry, encodeClientRequest } from '../../core/dataplane/explain/client-entry.ts';
import { DATA_TABLE, FAMILIES, type Family, isSlotsMap, OUR_TABLES, tableFamily } from '../../core/dataplane/names.ts';
import { clientsMessages, decodeClients, type MappedClient } from '../../core/dataplane/nft/clients.ts';
import {
  decodeGeneration,
  decodeRule,
  decodeTableName,
  encodeDumpAll,
  encodeDumpOfTable,
  encodeElementsDump,
  encodeGenerationRequest,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETGEN,
  NFT_MSG_GETOBJ,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSET,
  NFT_MSG_GETSETELEM,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWRULE,
} from '../../core/dataplane/nft/messages.ts';
import { encodeWithPortOffset } from '../../core/dataplane/nft/port-offset.ts';
import { elementLayout, elementSteps, readNamedCounters, readStructure } from '../../core/dataplane/nft/read-back.ts';
import { secondChanceMessages } from '../../core/dataplane/nft/second-chance.ts';
import { transactionSteps } from '../../core/dataplane/nft/text.ts';
import { hasOffsetRules, type Operation } from '../../core/dataplane/plan.ts';
import {
  type Found,
  type FoundSet,
  type FoundTable,
  type Links,
  plainStamp,
  ruleStamp,
} from '../../core/dataplane/ruleset.ts';
import type { BatchMessage } from '../../core/netlink/batch.ts';
import { NLM_F_REPLACE } from '../../core/netlink/codes.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { readLinks } from '../../io/links.ts';
import { nftApply } from '../../io/nft.ts';
import { NftablesNetlink } from '../../io/nftables-netlink.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';
import { type Kept, NOTHING_KEPT, type Reading, type RulesetKernel, type Written } from './converge.ts';
import { inSlices } from './slices.ts';

/** How often a reading is begun anew when somebody writes during it. */
const ATTEMPTS = 2;

/** A set but for its elements. */
type SetHead = { readonly name: string } & Pick<FoundSet, 'kind' | 'stamp'>;

/** `undefined` in place of what is not there. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return undefined;
    throw error;
  }
}

/** A dump of a map of clients, message by message. */
function* clientSteps(dump: Iterable<Uint8Array>): Steps<readonly MappedClient[]> {
  const clients: MappedClient[] = [];
  for (const payload of dump) {
    clients.push(...decodeClients(payload));
    yield;
  }
  return clients;
}

export class KernelTables implements RulesetKernel {
  readonly #netlink = new NftablesNetlink();
  readonly #route = new RtNetlink();

  async generation(): Promise<number> {
    const [answer] = await this.#netlink.get('nft-generation', NFT_MSG_GETGEN, encodeGenerationRequest());
    if (answer === undefined) throw new KernelError('nft-generation', { text: 'the kernel said nothing' });
    return decodeGeneration(answer);
  }

  /** All tables are written in one transaction, but for the guard, which may be there alone and alone forwards nothing. */
  async isPresent(): Promise<boolean> {
    return (await this.#tablesOf(tableFamily(DATA_TABLE))).includes(DATA_TABLE);
  }

  async read(kept: Kept = NOTHING_KEPT): Promise<Reading> {
    for (let attempt = 1; ; attempt++) {
      const before = await this.generation();
      const tables = await this.#readTables(kept);
      if ((await this.generation()) === before) return { tables, generation: before };
      // Somebody writes all the time, probably to other tables. Without a generation the next turn reads again.
      if (attempt === ATTEMPTS) return { tables, generation: undefined };
    }
  }

  async readCounting(counting: CountingSets): Promise<Found> {
    const found = new Map<string, FoundTable>();
    for (const [table, names] of counting) {
      const objects = await unlessGone(this.#dumpOf(table, 'objects', NFT_MSG_GETOBJ));
      if (objects === undefined) continue;
      const sets = new Map<string, FoundSet>();
      for (const name of names) sets.set(name, await this.#readSet(table, { name, kind: 'set', stamp: '' }));
      found.set(table, { chains: new Map(), sets, counters: readNamedCounters(objects) });
    }
    return found;
  }

  async readClient(map: string, client: Ipv4): Promise<ClientEntry | undefined> {
    const request = encodeClientRequest(DATA_TABLE, map, client);
    const values = { table: DATA_TABLE, map };
    const answer = await unlessGone(this.#netlink.get('nft-get-element', NFT_MSG_GETSETELEM, request, values));
    return answer?.[0] && decodeClientEntry(answer[0]);
  }

  async readClients(map: string): Promise<readonly MappedClient[] | undefined> {
    const request = encodeElementsDump(DATA_TABLE, map);
    const values = { table: DATA_TABLE, set: map };
    const dump = await unlessGone(this.#netlink.dumpLarge('nft-dump-elements', NFT_MSG_GETSETELEM, request, values));
    return dump && (await inSlices(clientSteps(dump)));
  }

  writeClients(map: string, out: readonly Ipv4[], into: readonly MappedClient[]): Promise<void> {
    const batch = { subsystem: NFNL_SUBSYS_NFTABLES, messages: clientsMessages(map, out, into) };
    return this.#netlink.send('nft-clients', batch, { table: DATA_TABLE, set: map });
  }

  async links(): Promise<Links> {
    return new Map((await readLinks(this.#route)).map(({ name, ifindex }) => [name, ifindex]));
  }

  async write(operations: readonly Operation[]): Promise<Written> {
    await nftApply(await inSlices(transactionSteps(operations)));
    if (!hasOffsetRules(operations)) return { transactions: 1 };
    return this.#offsetPorts(operations);
  }

  takeMisses(lifetime: Millis): Promise<void> {
    const batch = { subsystem: NFNL_SUBSYS_NFTABLES, messages: secondChanceMessages(lifetime) };
    return this.#netlink.send('nft-second-chance', batch, { table: DATA_TABLE });
  }

  close(): void {
    this.#netlink.close();
    this.#route.close();
  }

  /**
   * Rules that nft has just written are replaced by themselves with ports by offset, unless somebody has written since: then
   * what is there is read anew. Rules that are no longer as written are left for the next turn to find.
   */
  async #offsetPorts(operations: readonly Operation[]): Promise<Written> {
    for (let attempt = 1; ; attempt++) {
      const generation = await this.generation();
      const messages = await this.#offsetMessages(operations);
      if (messages.length === 0) return { transactions: 1 };
      try {
        await this.#netlink.send('nft-port-offset', { subsystem: NFNL_SUBSYS_NFTABLES, messages, generation });
        return { transactions: 2 };
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        const isStale = error.errno === 'ERESTART' || error.errno === 'ENOENT';
        if (isStale && attempt < ATTEMPTS) continue;
        // Only what is about a rule is about the offset; whatever the kernel dislikes there, the plain rule serves.
        if (isStale || error.values['message'] === undefined) throw error;
        return { transactions: 1, refusedOffset: error.message };
      }
    }
  }

  async #offsetMessages(operations: readonly Operation[]): Promise<readonly BatchMessage[]> {
    const messages: BatchMessage[] = [];
    for (const operation of operations) {
      if (operation.kind !== 'set-rules' || !hasOffsetRules([operation])) continue;
      const dump = await this.#dumpOf(operation.table, 'rules', NFT_MSG_GETRULE);
      const there = dump.filter((rule) => decodeRule(rule).chain === operation.name);
      for (const [at, rule] of operation.rules.entries()) {
        const written = there[at];
        if (typeof rule === 'string' || written === undefined) continue;
        if (decodeRule(written).comment !== plainStamp(rule)) continue;
        const payload = encodeWithPortOffset(written, ruleStamp(rule));
        messages.push({ type: NFT_MSG_NEWRULE, flags: NLM_F_REPLACE, payload });
      }
    }
    return messages;
  }

  async #readTables(kept: Kept): Promise<Found> {
    const found = new Map<string, FoundTable>();
    if (kept.structure !== undefined) {
      for (const [name, table] of kept.structure) {
        const sets = [...table.sets].map(([set, { kind, stamp }]) => ({ name: set, kind, stamp }));
        found.set(name, { ...table, sets: await this.#readSets(name, sets, kept) });
      }
      return found;
    }
    for (const family of FAMILIES) {
      const there = await this.#tablesOf(family);
      for (const name of OUR_TABLES) {
        const isOurs = tableFamily(name) === family && there.includes(name);
        const table = isOurs ? await unlessGone(this.#readTable(name, kept)) : undefined;
        if (table !== undefined) found.set(name, table);
      }
    }
    return found;
  }

  async #readTable(name: string, kept: Kept): Promise<FoundTable> {
    const structure = readStructure(name, {
      chains: await this.#dumpAll(tableFamily(name), 'chains', NFT_MSG_GETCHAIN),
      rules: await this.#dumpOf(name, 'rules', NFT_MSG_GETRULE),
      sets: await this.#dumpOf(name, 'sets', NFT_MSG_GETSET),
      objects: await this.#dumpOf(name, 'objects', NFT_MSG_GETOBJ),
    });
    const sets = structure.sets.map(({ name: set, kind, comment }) => ({ name: set, kind, stamp: comment }));
    return { ...structure, sets: await this.#readSets(name, sets, kept) };
  }

  async #readSets(table: string, sets: readonly SetHead[], kept: Kept): Promise<ReadonlyMap<string, FoundSet>> {
    const found = new Map<string, FoundSet>();
    for (const set of sets) {
      found.set(set.name, kept.set(table, set.name) ?? (await this.#readSet(table, set)));
    }
    return found;
  }

  async #readSet(table: string, { name: set, kind, stamp }: SetHead): Promise<FoundSet> {
    const layout = elementLayout(set);
    if (layout === undefined) return { kind, stamp, elements: new Map(), tallies: new Map() };
    const request = encodeElementsDump(table, set);
    const about = ['nft-dump-elements', NFT_MSG_GETSETELEM, request, { table, set }] as const;
    const dump = isSlotsMap(set) ? this.#netlink.dumpLarge(...about) : this.#netlink.dump(...about);
    return { kind, stamp, ...(await inSlices(elementSteps((await unlessGone(dump)) ?? [], layout))) };
  }

  /** Whoever they belong to. */
  async #tablesOf(family: Family): Promise<readonly string[]> {
    return (await this.#dumpAll(family, 'tables', NFT_MSG_GETTABLE)).map(decodeTableName);
  }

  /** Of all tables of a family. */
  #dumpAll(family: Family, what: string, type: number): Promise<readonly Uint8Array[]> {
    return this.#netlink.dump(`nft-dump-${what}`, type, encodeDumpAll(family), { family });
  }

  #dumpOf(table: string, what: string, type: number): Promise<readonly Uint8Array[]> {
    return this.#netlink.dump(`nft-dump-${what}`, type, encodeDumpOfTable(table), { table });
  }
}
