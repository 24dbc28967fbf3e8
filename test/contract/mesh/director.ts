/** One end of a mesh on a loopback address of its own, with all that it has heard. */
import { createHash } from 'node:crypto';
import { Secret } from '../../../src/core/base/secret.ts';
import type { SyncKey, SyncKeyRing } from '../../../src/core/model/sync-keys.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { type MeshOptions, type MeshPeer, type MeshTransport, openMesh } from '../../../src/io/mesh-transport.ts';

export type Heard =
  | { readonly kind: 'opened'; readonly peer: string; readonly stream: number }
  | { readonly kind: 'bytes'; readonly peer: string; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'closed'; readonly peer: string; readonly stream: number; readonly reason: string }
  | { readonly kind: 'writable'; readonly peer: string; readonly stream: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly claim: string | undefined }
  | { readonly kind: 'unreachable'; readonly peer: string; readonly reason: string }
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly errno: string | undefined };

/** A key whose secret follows from its name. */
export function key(id: string, acceptOnly = false, secret = id): SyncKey {
  return { id, secret: new Secret(createHash('sha256').update(secret).digest()), acceptOnly };
}

export const RING: SyncKeyRing = [key('1')];

export interface DirectorOptions {
  readonly name: string;
  readonly address: string;
  readonly port?: number;
  readonly ring?: SyncKeyRing;
  readonly peers?: readonly MeshPeer[];
}

const PATIENCE = 10_000;

export class Director {
  readonly heard: Heard[] = [];
  readonly mesh: MeshTransport;
  readonly name: string;
  readonly address: string;
  /** Sees all as well, as it comes. */
  onHeard: ((heard: Heard) => void) | undefined;
  #options: MeshOptions;
  #waiting: { readonly look: () => boolean; readonly resolve: () => void }[] = [];

  constructor({ name, address, port = 0, ring = RING, peers = [] }: DirectorOptions) {
    this.name = name;
    this.address = address;
    this.#options = { listen: { address, port }, ring, self: name, peers };
    const hear = (heard: Heard) => this.#hear(heard);
    this.mesh = openMesh(
      this.#options,
      {
        opened: (peer, stream) => hear({ kind: 'opened', peer, stream }),
        bytes: (peer, stream, bytes) => hear({ kind: 'bytes', peer, stream, bytes }),
        closed: (peer, stream, reason) => hear({ kind: 'closed', peer, stream, reason }),
        writable: (peer, stream) => hear({ kind: 'writable', peer, stream }),
        refused: ({ reason, claim }) => {
          hear({ kind: 'refused', reason, claim: claim && `${claim.keyId}/${claim.name}` });
        },
        unreachable: (peer, reason) => hear({ kind: 'unreachable', peer, reason }),
        listening: (port) => hear({ kind: 'listening', port }),
        failed: ({ errno }) => hear({ kind: 'failed', errno }),
      },
      systemClock,
    );
  }

  configure(change: Partial<MeshOptions>): void {
    this.#options = { ...this.#options, ...change };
    this.mesh.configure(this.#options);
  }

  /** The port it listens on, as soon as it does. */
  async port(): Promise<number> {
    await this.hears((heard) => heard.some(({ kind }) => kind === 'listening'));
    return this.of('listening').at(-1)!.port;
  }

  /** How it stands in another one's file. */
  async asPeer(dial: boolean): Promise<MeshPeer> {
    return { name: this.name, address: this.address, port: await this.port(), dial };
  }

  of<K extends Heard['kind']>(kind: K): Extract<Heard, { kind: K }>[] {
    return this.heard.filter((one): one is Extract<Heard, { kind: K }> => one.kind === kind);
  }

  /** All bytes of a peer, as text. */
  said(peer: string): string {
    const own = this.of('bytes').filter((one) => one.peer === peer);
    return Buffer.concat(own.map(({ bytes }) => bytes)).toString('latin1');
  }

  /** Resolves when what was heard satisfies `look`. */
  hears(look: (heard: readonly Heard[]) => boolean): Promise<void> {
    if (look(this.heard)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.name} has heard no such thing: ${JSON.stringify(this.heard.map(brief))}`));
      }, PATIENCE);
      this.#waiting.push({
        look: () => look(this.heard),
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  /** Resolves when something of this kind was heard `count` times. */
  hearsOf(kind: Heard['kind'], count = 1): Promise<void> {
    return this.hears((heard) => heard.filter((one) => one.kind === kind).length >= count);
  }

  #hear(heard: Heard): void {
    this.heard.push(heard);
    this.onHeard?.(heard);
    const due = this.#waiting.filter(({ look }) => look());
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const { resolve } of due) resolve();
  }
}

function brief(heard: Heard): unknown {
  return heard.kind === 'bytes' ? { ...heard, bytes: heard.bytes.length } : heard;
}

/** Ends them all at the end of a test. */
export class Directors {
  readonly #all: Director[] = [];

  add(options: DirectorOptions): Director {
    const director = new Director(options);
    this.#all.push(director);
    return director;
  }

  /** `d1`, which dials, and `d2`, which is dialed, with a stream between them. */
  async pair(ring: SyncKeyRing = RING): Promise<{ readonly d1: Director; readonly d2: Director }> {
    const d2 = this.add({ name: 'd2', address: '127.0.0.2', ring, peers: [D1] });
    const d1 = this.add({ name: 'd1', address: '127.0.0.1', ring, peers: [await d2.asPeer(true)] });
    await Promise.all([d1.hearsOf('opened'), d2.hearsOf('opened')]);
    return { d1, d2 };
  }

  close(): void {
    for (const director of this.#all.splice(0)) director.mesh.close();
  }
}

/** As those see it whom it dials. */
export const D1: MeshPeer = { name: 'd1', address: '127.0.0.1', port: 1, dial: false };
