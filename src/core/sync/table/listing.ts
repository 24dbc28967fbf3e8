/** Pages of the connections that a director knows, for an operator: however many there are, a page is bounded work. */
import { putU32, u16At, u32At } from '../../base/big-endian.ts';
import type { ConnectionFilter } from '../../model/sync.ts';
import { Field, Protocol, RECORD_BYTES } from '../records/record.ts';
import type { ConnectionTable } from './connection-table.ts';

/** Slots that are looked at for one page. */
const MOST_SLOTS = 65_536;
/** As many slots are looked at before it is asked whether the page is full, so a page has at most one less too many. */
const STEP = 256;
/** Connections of a page. */
const ENOUGH = 2048;

export interface ListingPage {
  /** Of each, how many seconds it has left now. */
  readonly records: Uint8Array;
  /** Where the next page begins; undefined = there is none. */
  readonly cursor: number | undefined;
}

/**
 * The connections that match, from `cursor` on (0 at first). A page may be empty although there is a next one.
 *
 * @param seconds now, on the table's clock
 */
export function listPage(
  table: ConnectionTable,
  filter: ConnectionFilter,
  cursor: number,
  seconds: number,
): ListingPage {
  const found: number[] = [];
  let next: number | undefined = cursor;
  for (let looked = 0; next !== undefined && looked < MOST_SLOTS && found.length < ENOUGH; looked += STEP) {
    next = table.walk(next, STEP, (slot) => {
      if (matches(table.bytes, table.offset(slot), filter)) found.push(slot);
    });
  }
  const records = new Uint8Array(found.length * RECORD_BYTES);
  for (const [index, slot] of found.entries()) {
    records.set(table.record(slot), index * RECORD_BYTES);
    putU32(records, index * RECORD_BYTES + Field.timeout, Math.max(0, table.secondsLeft(slot, seconds)));
  }
  return { records, cursor: next };
}

/** What a client is remembered by is no connection. */
function matches(bytes: Uint8Array, at: number, filter: ConnectionFilter): boolean {
  const { client, vip, server, owner, local, localPort } = filter;
  return (
    bytes[at + Field.protocol] !== Protocol.persistence &&
    (client === undefined || u32At(bytes, at + Field.client) === client) &&
    (vip === undefined || u32At(bytes, at + Field.vip) === vip) &&
    (server === undefined || u32At(bytes, at + Field.server) === server) &&
    (owner === undefined || u32At(bytes, at + Field.owner) === owner) &&
    (local === undefined || u32At(bytes, at + Field.local) === local) &&
    (localPort === undefined || u16At(bytes, at + Field.localPort) === localPort)
  );
}
