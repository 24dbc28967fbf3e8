/** Random records and what tests need to make some by hand. */
import fc from 'fast-check';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RecordFlag,
  serviceHash,
  UNKNOWN_WINDOW_SCALE,
  WIRE_FLAGS,
} from '../../../src/core/sync/record.ts';

export const u8 = fc.nat({ max: 0xff });
export const u16 = fc.nat({ max: 0xffff });
export const u32 = fc.nat({ max: 0xffffffff });

const fields = {
  client: u32,
  vip: u32,
  clientPort: u16,
  vipPort: u16,
  state: fc.nat({ max: 13 }),
  flags: fc.nat({ max: WIRE_FLAGS }),
  server: u32,
  local: u32,
  serverPort: u16,
  localPort: u16,
  service: u32,
  owner: fc.integer({ min: 1, max: 0xffffffff }),
  epoch: u32,
  timeout: u32,
  windowScale: u8,
};

/** Anything that may be sent about a connection. */
export const record: fc.Arbitrary<ConnectionRecord> = fc.record({
  ...fields,
  protocol: fc.constantFrom(Protocol.tcp, Protocol.udp),
  op: fc.constantFrom(...Object.values(Op)),
});

/** A TCP connection through 203.0.113.10:443 with plain NAT, as its owner 10.255.0.1 would tell of it. */
export const CONNECTION: ConnectionRecord = {
  client: ipv4('198.51.100.7'),
  vip: ipv4('203.0.113.10'),
  clientPort: 40000,
  vipPort: 443,
  protocol: Protocol.tcp,
  op: Op.put,
  state: 3,
  flags: RecordFlag.assured | RecordFlag.seenReply,
  server: ipv4('10.2.0.21'),
  local: ipv4('198.51.100.7'),
  serverPort: 8443,
  localPort: 40000,
  service: serviceHash('web'),
  owner: ipv4('10.255.0.1'),
  epoch: 1,
  timeout: 86400,
  windowScale: UNKNOWN_WINDOW_SCALE,
};
