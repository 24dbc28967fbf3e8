/** Maps of clients: messages as bytes, and writing while packets write. The answer is what a 6.18 kernel (little-endian) sent. */
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { clientsMessages, decodeClients, type MappedClient } from '../../../src/core/dataplane/nft/clients.ts';
import { rememberClients } from '../../../src/drivers/dataplane/clients.ts';
import { KernelError } from '../../../src/io/kernel-error.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** Of `198.51.100.7 timeout 600s : 0x40000003`. */
const ANSWER =
  '0200000e0e000100736c756963655f763100000010000200636c69656e74735f7765620038000300340001000c00010008000100c63364070c00020008000100030000400c00040000000000000927c00c0005000000000000092684';

const [ANN, BOB] = [ipv4('198.51.100.7'), ipv4('198.51.100.8')];

describe('messages', () => {
  test('a dump says client, server’s id without flags, and the time that is left', () => {
    expect(decodeClients(bytes(ANSWER))).toEqual([{ client: ANN, serverId: 3, expiresIn: 599_684 }]);
  });

  test('a dump that is cut short anywhere is refused, or holds less', () => {
    const whole = bytes(ANSWER);
    for (let length = 0; length < whole.length; length++) {
      try {
        expect(decodeClients(whole.slice(0, length))).toEqual([]);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }
  });

  test('entries go out, then others come in', () => {
    const head = '020000000e000100736c756963655f763100000010000200636c69656e74735f77656200';
    const [out, into] = clientsMessages('clients_web', [ANN], [{ client: BOB, serverId: 5, expiresIn: 600_000 }]);
    expect(hex(out!.payload)).toBe(`${head}14000300100001000c00010008000100c6336407`);
    const element = '0c00010008000100c63364080c00020008000100050000000c00040000000000000927c0';
    expect(hex(into!.payload)).toBe(`${head}2c00030028000100${element}`);
    expect([out!.flags, into!.flags, out!.type & 0xff, into!.type & 0xff]).toEqual([0, 0x400, 14, 12]);
    expect(clientsMessages('clients_web', [], [])).toEqual([]);
  });
});

describe('writing', () => {
  const entry = (client: number, serverId = 1, expiresIn = 1000): MappedClient => ({ client, serverId, expiresIn });

  /** A map that refuses the first `refusals` transactions. */
  function kernel(there: readonly MappedClient[], refusals: readonly string[] = []) {
    const left = [...refusals];
    const written: [number[], number[]][] = [];
    return {
      written,
      readClients: async () => there,
      async writeClients(_: string, out: readonly number[], into: readonly MappedClient[]) {
        const errno = left.shift();
        if (errno !== undefined) throw new KernelError('nft-clients', { errno });
        written.push([[...out], into.map(({ client }) => client)]);
      },
    };
  }

  test('who is there with the same server for as long stays; others go out and come in', async () => {
    const map = kernel([entry(1), entry(2), entry(3)]);
    expect(await rememberClients(map, 'm', [entry(1, 1, 900), entry(2, 7), entry(3, 1, 2000), entry(4)])).toBe(1);
    expect(map.written).toEqual([
      [
        [2, 3],
        [2, 3, 4],
      ],
    ]);
  });

  test('a thousand make a transaction', async () => {
    const map = kernel([]);
    const many = Array.from({ length: 2500 }, (_, n) => entry(n));
    expect(await rememberClients(map, 'm', many)).toBe(3);
    expect(map.written.map(([, into]) => into.length)).toEqual([1000, 1000, 500]);
  });

  test('there is room for 65,536', async () => {
    const map = kernel(Array.from({ length: 65_535 }, (_, n) => entry(n)));
    await rememberClients(map, 'm', [entry(100_000), entry(100_001), entry(5, 9)]);
    expect(map.written).toEqual([[[5], [100_000, 5]]]);
  });

  test('when a packet came between reading and writing, both are done again; twice, and no more', async () => {
    const map = kernel([], ['ENOENT', 'EBUSY']);
    expect(await rememberClients(map, 'm', [entry(1)])).toBe(1);
    await expect(rememberClients(kernel([], ['EBUSY', 'EBUSY', 'EBUSY']), 'm', [entry(1)])).rejects.toThrow('EBUSY');
    const refusing = kernel([], ['EPERM']);
    await expect(rememberClients(refusing, 'm', [entry(1)])).rejects.toThrow('EPERM');
    expect(refusing.written).toEqual([]);
  });

  test('where there is no map nothing is written', async () => {
    const map = { ...kernel([]), readClients: async () => undefined };
    expect(await rememberClients(map, 'm', [entry(1)])).toBe(0);
  });
});
