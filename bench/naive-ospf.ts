/**
 * The codec one would write first, as a yardstick: Buffer's own readers, a copy per LSA, both checksums as their
 * definitions say. It judges the same things as ours (lengths, version, both checksums) and gives the same fields; only
 * what the benchmark feeds it is covered: Hellos, and updates of router-LSAs without TOS metrics.
 */

export interface NaiveHello {
  readonly routerId: number;
  readonly areaId: number;
  readonly networkMask: number;
  readonly helloInterval: number;
  readonly options: number;
  readonly priority: number;
  readonly deadInterval: number;
  readonly designatedRouter: number;
  readonly backupDesignatedRouter: number;
  readonly neighbors: readonly number[];
}

export function naiveDecodeHello(packet: Buffer): NaiveHello {
  checkPacket(packet, 1);
  const neighbors: number[] = [];
  for (let at = 44; at < packet.length; at += 4) neighbors.push(packet.readUInt32BE(at));
  return {
    routerId: packet.readUInt32BE(4),
    areaId: packet.readUInt32BE(8),
    networkMask: packet.readUInt32BE(24),
    helloInterval: packet.readUInt16BE(28),
    options: packet.readUInt8(30),
    priority: packet.readUInt8(31),
    deadInterval: packet.readUInt32BE(32),
    designatedRouter: packet.readUInt32BE(36),
    backupDesignatedRouter: packet.readUInt32BE(40),
    neighbors,
  };
}

export function naiveEncodeHello(hello: NaiveHello): Buffer {
  const packet = Buffer.alloc(44 + 4 * hello.neighbors.length);
  packet.writeUInt8(2, 0);
  packet.writeUInt8(1, 1);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt32BE(hello.routerId, 4);
  packet.writeUInt32BE(hello.areaId, 8);
  packet.writeUInt32BE(hello.networkMask, 24);
  packet.writeUInt16BE(hello.helloInterval, 28);
  packet.writeUInt8(hello.options, 30);
  packet.writeUInt8(hello.priority, 31);
  packet.writeUInt32BE(hello.deadInterval, 32);
  packet.writeUInt32BE(hello.designatedRouter, 36);
  packet.writeUInt32BE(hello.backupDesignatedRouter, 40);
  hello.neighbors.forEach((neighbor, n) => {
    packet.writeUInt32BE(neighbor, 44 + 4 * n);
  });
  packet.writeUInt16BE(packetSum(packet), 12);
  return packet;
}

export interface NaiveLsa {
  readonly age: number;
  readonly options: number;
  readonly type: number;
  readonly id: number;
  readonly advertisingRouter: number;
  readonly sequence: number;
  readonly checksum: number;
  readonly length: number;
  readonly flags: number;
  readonly links: readonly {
    readonly type: number;
    readonly id: number;
    readonly data: number;
    readonly metric: number;
  }[];
  readonly bytes: Buffer;
}

export function naiveDecodeUpdate(packet: Buffer): NaiveLsa[] {
  checkPacket(packet, 4);
  const lsas: NaiveLsa[] = [];
  let at = 28;
  for (let n = packet.readUInt32BE(24); n > 0; n--) {
    const length = packet.readUInt16BE(at + 18);
    if (length < 20 || at + length > packet.length) throw new Error('length');
    lsas.push(decodeRouterLsa(Buffer.from(packet.subarray(at, at + length))));
    at += length;
  }
  return lsas;
}

export function naiveEncodeUpdate(routerId: number, lsas: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(28);
  const packet = Buffer.concat([head, ...lsas]);
  packet.writeUInt8(2, 0);
  packet.writeUInt8(4, 1);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt32BE(routerId, 4);
  packet.writeUInt32BE(lsas.length, 24);
  packet.writeUInt16BE(packetSum(packet), 12);
  return packet;
}

function decodeRouterLsa(lsa: Buffer): NaiveLsa {
  checkFletcher(lsa);
  const links = [];
  const count = lsa.readUInt16BE(22);
  for (let at = 24; links.length < count; at += 12) {
    links.push({
      id: lsa.readUInt32BE(at),
      data: lsa.readUInt32BE(at + 4),
      type: lsa.readUInt8(at + 8),
      metric: lsa.readUInt16BE(at + 10),
    });
  }
  return {
    age: lsa.readUInt16BE(0),
    options: lsa.readUInt8(2),
    type: lsa.readUInt8(3),
    id: lsa.readUInt32BE(4),
    advertisingRouter: lsa.readUInt32BE(8),
    sequence: lsa.readInt32BE(12),
    checksum: lsa.readUInt16BE(16),
    length: lsa.readUInt16BE(18),
    flags: lsa.readUInt8(20),
    links,
    bytes: lsa,
  };
}

function checkPacket(packet: Buffer, type: number): void {
  if (packet.readUInt8(0) !== 2 || packet.readUInt8(1) !== type) throw new Error('version or type');
  if (packet.readUInt16BE(2) !== packet.length) throw new Error('length');
  if (packetSum(packet) !== 0) throw new Error('checksum');
}

function packetSum(packet: Buffer): number {
  let sum = 0;
  for (let at = 0; at < packet.length; at += 2) {
    if (at < 16 || at >= 24) sum += packet.readUInt16BE(at);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

function checkFletcher(lsa: Buffer): void {
  let c0 = 0;
  let c1 = 0;
  for (const octet of lsa.subarray(2)) {
    c0 = (c0 + octet) % 255;
    c1 = (c1 + c0) % 255;
  }
  if (c0 !== 0 || c1 !== 0) throw new Error('LSA checksum');
}
