/**
 * How the fake's packets choose a server: by what the rules and elements of the tables say, as the kernel would. Without a
 * clock no client is ever forgotten.
 */
import { formatIpv4, type Ipv4, ipv4 } from '../../../core/base/ipv4.ts';
import type { ClientEntry } from '../../../core/dataplane/explain/client-entry.ts';
import { namesByChain, REFRESH_MAP, type ServiceNames, TAKERS_SET } from '../../../core/dataplane/names.ts';
import type { MappedClient } from '../../../core/dataplane/nft/clients.ts';
import { MAX_CLIENTS } from '../../../core/dataplane/rules/persistence.ts';
import type { FoundTable } from '../../../core/dataplane/ruleset.ts';
import { type FakeFlow, hashedSlot } from './direct.ts';

export class FakeScheduling {
  /** Chain to how many connections its rule has counted. */
  readonly #turns = new Map<string, number>();
  /** Map of clients to client to server id. */
  readonly #clients = new Map<string, Map<string, string>>();

  /** Map of clients to how long its rule lets an entry live. */
  readonly #lifetimes = new Map<string, number>();

  /** Map and client to how long an entry lives that no packet has made. */
  readonly #given = new Map<string, number>();

  /** A rule that is written begins to count at nothing. */
  chainWritten(chain: string): void {
    this.#turns.delete(chain);
  }

  setDeleted(set: string): void {
    this.#clients.delete(set);
  }

  clientOf(map: string, client: Ipv4): ClientEntry | undefined {
    const id = this.#clients.get(map)?.get(formatIpv4(client));
    if (id === undefined) return undefined;
    const expiresIn = this.#given.get(`${map} ${formatIpv4(client)}`) ?? this.#lifetimes.get(map) ?? 0;
    return { serverId: Number(id), expiresIn };
  }

  clients(map: string): readonly MappedClient[] {
    return [...this.#clientsOf(map).keys()].map((text) => {
      const client = ipv4(text);
      return { client, ...this.clientOf(map, client)! };
    });
  }

  /** All of it, or nothing and an errno. */
  writeClients(map: string, out: readonly Ipv4[], into: readonly MappedClient[]): string | undefined {
    const clients = this.#clientsOf(map);
    const gone = new Set(out.map(formatIpv4));
    if ([...gone].some((client) => !clients.has(client))) return 'ENOENT';
    const clash = into.some(({ client, serverId }) => {
      const text = formatIpv4(client);
      return !gone.has(text) && (clients.get(text) ?? String(serverId)) !== String(serverId);
    });
    if (clash) return 'EBUSY';
    for (const client of gone) clients.delete(client);
    for (const { client, serverId, expiresIn } of into) {
      const text = formatIpv4(client);
      if (clients.has(text)) continue;
      clients.set(text, String(serverId));
      this.#given.set(`${map} ${text}`, expiresIn);
    }
    return undefined;
  }

  /** The id of the server of a new connection; what has to be counted is told by name. */
  choose(
    table: FoundTable,
    names: ServiceNames,
    client: FakeFlow,
    bump: (counter: string) => void,
  ): string | undefined {
    const rules = table.chains.get(names.chain)?.shapes ?? [];
    const slot = () => table.sets.get(names.slots)?.elements.get(String(this.#slot(names.chain, rules, client)));
    if (!rules.some((rule) => rule.includes(`map @${names.clients}`))) return slot();
    const refresh = table.chains.get(names.refresh)?.shapes.join('\n') ?? '';
    this.#lifetimes.set(names.clients, 1000 * Number(/ timeout (\d+)s/.exec(refresh)?.[1]));
    const clients = this.#clientsOf(names.clients);
    const key = formatIpv4(client.source);
    const known = clients.get(key);
    const id = known !== undefined && table.sets.get(TAKERS_SET)?.elements.has(known) ? known : slot();
    if (known !== id) clients.delete(key);
    if (id === undefined) return undefined;
    this.#given.delete(`${names.clients} ${key}`);
    if (clients.size < MAX_CLIENTS || clients.has(key)) clients.set(key, id);
    else bump(names.full);
    return id;
  }

  /** A packet of a connection passes. */
  passed(table: FoundTable, id: string, source: Ipv4): void {
    const verdict = table.sets.get(REFRESH_MAP)?.elements.get(id);
    if (verdict === undefined) return;
    const map = namesByChain(verdict.replace(/^jump refresh_/, 'service_')).clients;
    const clients = this.#clientsOf(map);
    const key = formatIpv4(source);
    this.#given.delete(`${map} ${key}`);
    if (!clients.has(key) && clients.size < MAX_CLIENTS) clients.set(key, id);
  }

  #clientsOf(set: string): Map<string, string> {
    let clients = this.#clients.get(set);
    if (clients === undefined) {
      clients = new Map();
      this.#clients.set(set, clients);
    }
    return clients;
  }

  /** As the rule of the chain finds it. */
  #slot(chain: string, rules: readonly string[], client: FakeFlow): number | undefined {
    const slot = hashedSlot(rules, client);
    if (slot !== undefined) return slot;
    const turns = Number(/numgen inc mod (\d+) map/.exec(rules.join('\n'))?.[1] ?? 0);
    if (turns === 0) return undefined;
    const turn = this.#turns.get(chain) ?? 0;
    this.#turns.set(chain, turn + 1);
    return turn % turns;
  }
}
