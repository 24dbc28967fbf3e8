/**
 * The turn that every data plane over nftables tables goes through: observe, plan, write, read back. The tables themselves
 * are behind `RulesetKernel`, so the turn is the same over the kernel and over the fake.
 *
 * It remembers two things between turns, both recoverable: how the tables looked when it last looked (a difference is drift)
 * and the server ids (else found in the tables).
 */
import { type DataplaneCounters, readCounters } from '../../core/dataplane/counters.ts';
import { serviceNames } from '../../core/dataplane/names.ts';
import { describe } from '../../core/dataplane/nft-text.ts';
import { type Operation, plan } from '../../core/dataplane/plan.ts';
import { distrustEdited, type Found, sameFound } from '../../core/dataplane/ruleset.ts';
import { assignServerIds, type ServerIds } from '../../core/dataplane/server-ids.ts';
import { wantedRuleset } from '../../core/dataplane/wanted-ruleset.ts';
import type { DesiredDataplane } from '../../core/model/dataplane.ts';
import type { ApplyReport } from './port.ts';

/** Whoever holds the tables. */
export interface RulesetKernel {
  /** Our tables as they are now; a table that does not exist is left out. */
  read(): Promise<Found>;
  /** All of it or nothing. Throws `KernelError`. */
  write(operations: readonly Operation[]): Promise<void>;
}

const NOTHING: DesiredDataplane = { services: [] };

/** Is the service untouched by what could not be made to agree? Objects that are nobody's alone concern every service. */
function isProgrammed(service: string, names: ReadonlySet<string>, left: readonly Operation[]): boolean {
  const own = new Set<string>(Object.values(serviceNames(service)));
  return left.every((operation) => 'name' in operation && names.has(operation.name) && !own.has(operation.name));
}

/** Keeps ids of what is no longer wanted, so that a server which returns is the same one. */
function mergeIds(older: ServerIds, newer: ServerIds): ServerIds {
  const merged = new Map(older);
  for (const [service, ids] of newer) merged.set(service, new Map([...(older.get(service) ?? []), ...ids]));
  return merged;
}

export class Converger {
  readonly #kernel: RulesetKernel;
  #lastFound: Found | undefined;
  #ids: ServerIds = new Map();
  #desired: DesiredDataplane = NOTHING;

  constructor(kernel: RulesetKernel) {
    this.#kernel = kernel;
  }

  /** One turn. @throws KernelError when the tables cannot be read or written; then nothing was written */
  async apply(desired: DesiredDataplane): Promise<ApplyReport> {
    const found = await this.#kernel.read();
    const before = this.#lastFound;
    const drift = before !== undefined && !sameFound(found, before);
    const trusted = before === undefined ? found : distrustEdited(found, before);

    const ids = assignServerIds(desired, found, this.#ids);
    const wanted = wantedRuleset(desired, ids, found);
    const operations = plan(wanted, trusted);
    const after = operations.length > 0 ? await this.#writeAndRead(operations) : found;
    this.#lastFound = after;
    this.#ids = mergeIds(this.#ids, ids);
    this.#desired = desired;

    const left = plan(wanted, after);
    const names = new Set(desired.services.flatMap(({ name }) => Object.values(serviceNames(name))));
    const programmed = desired.services.map(({ name }) => name).filter((name) => isProgrammed(name, names, left));
    return { programmed, operations: operations.map(describe), drift };
  }

  async #writeAndRead(operations: readonly Operation[]): Promise<Found> {
    // If either fails we no longer know how we left the tables, and must not call the next sight of them drift.
    this.#lastFound = undefined;
    await this.#kernel.write(operations);
    return this.#kernel.read();
  }

  /** Of the services last applied. */
  async counters(): Promise<DataplaneCounters> {
    return readCounters(this.#desired, this.#ids, await this.#kernel.read());
  }

  /** Deletes our tables. Connections that were translated go on being so until they end: conntrack holds their mapping. */
  async remove(): Promise<void> {
    const operations = plan(new Map(), await this.#kernel.read());
    if (operations.length > 0) await this.#kernel.write(operations);
    this.#lastFound = undefined;
    this.#desired = NOTHING;
  }
}
