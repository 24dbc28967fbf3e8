/** Connections for tests: number `key` of a client, to server `server`. */
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RECORD_BYTES,
  recordsOf,
  writeRecord,
} from '../../../src/core/sync/records/record.ts';

export const SAMPLE: ConnectionRecord = {
  client: 0x0a000001,
  vip: 0xc0000201,
  clientPort: 40_000,
  vipPort: 80,
  protocol: Protocol.tcp,
  op: Op.put,
  state: 3,
  flags: 3,
  server: 0x0a640001,
  local: 0x0a000001,
  serverPort: 8080,
  localPort: 40_000,
  service: 7,
  owner: 2,
  epoch: 1,
  timeout: 120,
  windowScale: 0x77,
  birth: 0,
};

export function sample(key: number, change: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return { ...SAMPLE, client: 0x0a000000 + key, local: 0x0a000000 + key, ...change };
}

export function one(key: number, change: Partial<ConnectionRecord> = {}): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  writeRecord(bytes, 0, sample(key, change));
  return bytes;
}

export function many(count: number, change: Partial<ConnectionRecord> = {}): Uint8Array {
  return recordsOf(Array.from({ length: count }, (_, index) => sample(index + 1, change)));
}
