/** Puts clients of other directors into a map that packets write at the same time. */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import { MAX_CLIENTS_PER_MESSAGE, type MappedClient } from '../../core/dataplane/nft/clients.ts';
import { MAX_CLIENTS } from '../../core/dataplane/rules/persistence.ts';
import { KernelError } from '../../io/kernel-error.ts';

/** How often a transaction is made anew when a packet came between reading and writing. */
const ATTEMPTS = 3;

/** Whoever holds the maps of clients. */
export interface ClientsKernel {
  /** All entries of a map of clients; `undefined` when there is no such map. */
  readClients(map: string): Promise<readonly MappedClient[] | undefined>;
  /**
   * One transaction: entries out of a map of clients, and others in. Throws `KernelError`: `ENOENT`, `EBUSY` when the map is not
   * as it was thought to be.
   */
  writeClients(map: string, out: readonly Ipv4[], into: readonly MappedClient[]): Promise<void>;
}

/**
 * As `Dataplane.remember`, with ids.
 *
 * @returns how many transactions it took. @throws KernelError
 */
export async function rememberClients(
  kernel: ClientsKernel,
  map: string,
  wanted: readonly MappedClient[],
): Promise<number> {
  for (let attempt = 1, transactions = 0; ; attempt++) {
    const there = await kernel.readClients(map);
    if (there === undefined) return transactions;
    const known = new Map(there.map((entry) => [entry.client, entry]));
    try {
      for (const part of parts(missing(wanted, known))) {
        const out = part.map(({ client }) => client).filter((client) => known.has(client));
        await kernel.writeClients(map, out, part);
        transactions += 1;
      }
      return transactions;
    } catch (error) {
      const outdated = error instanceof KernelError && ['ENOENT', 'EBUSY', 'EEXIST'].includes(error.errno ?? '');
      if (!outdated || attempt === ATTEMPTS) throw error;
    }
  }
}

/** What has to be written, as far as there is room. */
function missing(wanted: readonly MappedClient[], known: ReadonlyMap<Ipv4, MappedClient>): readonly MappedClient[] {
  let room = MAX_CLIENTS - known.size;
  return wanted.filter(({ client, serverId, expiresIn }) => {
    const entry = known.get(client);
    if (entry === undefined) return room-- > 0;
    return entry.serverId !== serverId || entry.expiresIn < expiresIn;
  });
}

function parts(list: readonly MappedClient[]): readonly (readonly MappedClient[])[] {
  const count = Math.ceil(list.length / MAX_CLIENTS_PER_MESSAGE);
  return Array.from({ length: count }, (_, n) =>
    list.slice(n * MAX_CLIENTS_PER_MESSAGE, (n + 1) * MAX_CLIENTS_PER_MESSAGE),
  );
}
