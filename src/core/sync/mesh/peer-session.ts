/**
 * The stream to one peer: greeting, sending within a window, hearing, and its end. The table below says all that can happen.
 *
 * In: streams that open and close, their bytes, and time. Out: frames that mean something to the mesh, in their order, and
 * what becomes of the peer. What carries records is numbered and acknowledged, and at most `WINDOW` bytes of it are under way:
 * a peer that does not keep up is `behind`, hears nothing more of what happens, and when it has taken what it was sent, is
 * told our digests, by which it asks for what it missed. So memory per peer is bounded, and a slow one costs the others
 * nothing. Not here: what records and digests mean (`ownership.ts`, `anti-entropy.ts`), who counts as living (`membership.ts`).
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Instant, Millis } from '../../base/machine.ts';
import { resolve, type StateTable } from '../../base/state-table.ts';
import { decodeFrame, encodeFrame, type Frame } from '../frames/codec.ts';
import { type GoodbyeReason, VERSIONS } from '../frames/codes.ts';
import { FrameReader } from '../frames/frame-reader.ts';
import type { Goodbye } from '../frames/goodbye.ts';
import type { Hello } from '../frames/hello.ts';
import { RECORD_BYTES } from '../records/record.ts';
import { Lag } from './lag.ts';
import type { MeshEffect } from './mesh-events.ts';
import { negotiate, type SpokenBefore } from './version.ts';

export const SESSION_STATES = ['down', 'greeting', 'up', 'behind', 'closing'] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/**
 * `accepted`, `refused`: its hello. `full`: more is under way than may be; `drained`: it has taken nearly all. `garbage`: bytes
 * that are no frame, or a frame out of place. `silent`: nothing was heard for `SILENCE`.
 */
export const SESSION_EVENTS = [
  'opened',
  'accepted',
  'refused',
  'full',
  'drained',
  'goodbye',
  'garbage',
  'silent',
  'closed',
] as const;
export type SessionEvent = (typeof SESSION_EVENTS)[number];

type SessionAction =
  /** Forget the stream before, and say hello. */
  | 'greet'
  /** It counts: tell the mesh. */
  | 'establish'
  /** Nothing more is sent to it until it has caught up. */
  | 'hold'
  /** Our digests, for it to ask what it missed. */
  | 'catchUp'
  /** Say why, and end the stream. */
  | 'hangUp'
  /** Tell the mesh how the stream ended that counted. */
  | 'lose';

type Row = StateTable<SessionState, SessionEvent, SessionState, SessionAction, never>[SessionState];

const ended: Row = {
  opened: { next: 'greeting', actions: ['lose', 'greet'] },
  refused: { next: 'closing', actions: ['lose', 'hangUp'] },
  goodbye: { next: 'closing', actions: ['lose', 'hangUp'] },
  garbage: { next: 'closing', actions: ['lose', 'hangUp'] },
  silent: { next: 'closing', actions: ['lose', 'hangUp'] },
  closed: { next: 'down', actions: ['lose'] },
};

export const SESSION_TABLE: StateTable<SessionState, SessionEvent, SessionState, SessionAction, never> = {
  down: { opened: { next: 'greeting', actions: ['greet'] } },
  greeting: {
    opened: { next: 'greeting', actions: ['greet'] },
    accepted: { next: 'up', actions: ['establish'] },
    refused: { next: 'closing', actions: ['hangUp'] },
    goodbye: { next: 'closing', actions: ['hangUp'] },
    garbage: { next: 'closing', actions: ['hangUp'] },
    silent: { next: 'closing', actions: ['hangUp'] },
    closed: { next: 'down', actions: [] },
  },
  up: { ...ended, full: { next: 'behind', actions: ['hold'] } },
  behind: { ...ended, drained: { next: 'up', actions: ['catchUp'] } },
  closing: { opened: { next: 'greeting', actions: ['greet'] }, closed: { next: 'down', actions: [] } },
};

/** Bytes of records under way to a peer, beyond which it is behind. */
export const WINDOW = 4 << 20;
/** It has caught up when no more than this is under way. */
const DRAINED = WINDOW >> 4;
/** Under load records are acknowledged so often, and whenever so many bytes of them have come; else at once. */
const ACK_EVERY: Millis = 5;
const ACK_BYTES = 128 << 10;
export const ALIVE_EVERY: Millis = 250;
export const SILENCE: Millis = 1500;

/** What the mesh has to deal with; the rest is between the sessions. */
export type PeerFrame = Exclude<Frame, { kind: 'hello' | 'ack' | 'alive' | 'goodbye' }>;
/** `restarting`: it means to be back within `back`. */
export type Ending = 'closed' | 'silent' | 'goodbye' | 'restarting';

export interface SessionHost {
  effect(effect: MeshEffect): void;
  ourHello(): Hello;
  /** Why this hello is not of the peer that it should be; undefined = it is. */
  stranger(session: PeerSession, hello: Hello): string | undefined;
  established(session: PeerSession, now: Instant): void;
  /** The peer has said hello again. */
  changed(session: PeerSession): void;
  caughtUp(session: PeerSession): void;
  /** The stream counted, and is over. */
  lost(session: PeerSession, ending: Ending, now: Instant): void;
  frame(session: PeerSession, frame: PeerFrame, now: Instant): void;
}

interface UnderWay {
  readonly sequence: number;
  readonly bytes: number;
  /** When what it says happened; undefined for what is not news. */
  readonly at: Instant | undefined;
}

export class PeerSession {
  readonly name: string;
  readonly routerId: number;
  readonly lag = new Lag();
  readonly counts = { recordsIn: 0, recordsOut: 0, bytesIn: 0, bytesOut: 0, behind: 0, garbage: 0, unknownKinds: 0 };
  /** Of the peer, from `accepted` on. */
  hello: Hello | undefined;
  since: Instant;
  lastError: string | undefined;
  /** For so long it has asked to be waited for. */
  back: Millis = 0;
  #state: SessionState = 'down';
  #stream = -1;
  #reader: FrameReader | undefined;
  #heard: Instant;
  #aliveAt: Instant;
  #alive = 0;
  #sent = 0;
  #taken = 0;
  /** Bytes of records that were taken and not acknowledged; the next acknowledgement is not sent before `#ackAt`. */
  #owed = 0;
  #ackAt: Instant = 0;
  #underWay: UnderWay[] = [];
  #unacknowledged = 0;
  #spoken: SpokenBefore | undefined;
  #ending: { readonly reason: keyof typeof GoodbyeReason; readonly text: string } | undefined;
  readonly #host: SessionHost;

  constructor(peer: { readonly name: string; readonly routerId: number }, host: SessionHost, now: Instant) {
    this.name = peer.name;
    this.routerId = peer.routerId;
    this.since = now;
    this.#heard = now;
    this.#aliveAt = now;
    this.#host = host;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The transport's number of the stream. */
  get stream(): number {
    return this.#stream;
  }

  /** Was it greeted, whether it keeps up or not? */
  get established(): boolean {
    return this.#state === 'up' || this.#state === 'behind';
  }

  /** Bytes of records that it has not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  get deadline(): Instant | undefined {
    if (this.#state === 'down' || this.#state === 'closing') return undefined;
    const least = Math.min(this.#aliveAt, this.#heard + SILENCE);
    return this.#owed > 0 ? Math.min(least, this.#ackAt) : least;
  }

  opened(stream: number, now: Instant): void {
    this.#step('opened', now, () => {
      this.#stream = stream;
    });
  }

  closed(stream: number, reason: string, now: Instant): void {
    if (stream !== this.#stream || this.#state === 'down') return;
    this.lastError ??= reason;
    this.#ending = undefined;
    this.#step('closed', now);
  }

  bytes(stream: number, bytes: Uint8Array, now: Instant): void {
    if (stream !== this.#stream || this.#state === 'down' || this.#state === 'closing') return;
    this.#heard = now;
    this.counts.bytesIn += bytes.length;
    try {
      this.#reader!.push(bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#garbage(error.message, now);
    }
    this.#acknowledge(now);
  }

  /** @param away for how long nobody has called: what peers have sent meanwhile has not been read yet */
  expire(now: Instant, away: Millis): void {
    if (this.#state === 'down' || this.#state === 'closing') return;
    this.#acknowledge(now);
    if (away > SILENCE / 3) this.#heard = Math.max(this.#heard, now - SILENCE / 3);
    if (now >= this.#heard + SILENCE) {
      this.#ending = { reason: 'stalled', text: `silent for ${SILENCE} ms` };
      this.#step('silent', now);
    } else if (now >= this.#aliveAt) {
      this.#aliveAt = now + ALIVE_EVERY;
      this.send({ kind: 'alive', counter: ++this.#alive });
    }
  }

  #acknowledge(now: Instant): void {
    if (this.#owed === 0 || !this.established || (now < this.#ackAt && this.#owed < ACK_BYTES)) return;
    this.#owed = 0;
    this.#ackAt = now + ACK_EVERY;
    this.send({ kind: 'ack', sequence: this.#taken });
  }

  /** A frame without records. */
  send(frame: Frame): void {
    this.#transmit(encodeFrame(frame));
  }

  /**
   * Records, numbered. Whoever calls this with what has happened does so only while the session is `up`.
   *
   * @param at when what they say happened, for news
   */
  sendRecords(kind: 'batch' | 'refresh', records: Uint8Array, at: Instant | undefined, now: Instant): void {
    this.#number(encodeFrame({ kind, sequence: this.#next(), records }), records.length, at, now);
  }

  sendChunk(id: number, records: Uint8Array, now: Instant): void {
    this.#number(
      encodeFrame({ kind: 'bulkChunk', sequence: this.#next(), id, records }),
      records.length,
      undefined,
      now,
    );
  }

  /** The number of the last frame with records. */
  get lastSent(): number {
    return this.#sent;
  }

  /** Has it acknowledged the frame of this number? */
  hasTaken(sequence: number): boolean {
    const oldest = this.#underWay[0];
    return oldest === undefined || ((oldest.sequence - sequence) | 0) > 0;
  }

  /** It is no peer any more. */
  dismiss(text: string, now: Instant): void {
    this.#ending = { reason: 'stranger', text };
    this.#step('refused', now);
  }

  /** The last thing that it hears of us. @param back we mean to be back within that; undefined = not soon */
  goodbye(text: string, back: Millis | undefined): void {
    if (this.#state === 'down' || this.#state === 'closing') return;
    if (back === undefined) this.send({ kind: 'goodbye', reason: 'leaving', text });
    else this.send({ kind: 'goodbye', reason: 'restarting', text, back: Math.ceil(back / 1000) });
  }

  /** Our hello again, because it has changed. */
  sayHello(): void {
    if (this.#state !== 'down' && this.#state !== 'closing') this.send(this.#host.ourHello());
  }

  #next(): number {
    this.#sent = (this.#sent + 1) >>> 0;
    return this.#sent;
  }

  #number(frame: Uint8Array, recordBytes: number, at: Instant | undefined, now: Instant): void {
    this.#underWay.push({ sequence: this.#sent, bytes: frame.length, at });
    this.#unacknowledged += frame.length;
    this.counts.recordsOut += recordBytes / RECORD_BYTES;
    this.#transmit(frame);
    if (this.#unacknowledged > WINDOW) this.#step('full', now);
  }

  #transmit(bytes: Uint8Array): void {
    this.counts.bytesOut += bytes.length;
    this.#host.effect({ kind: 'send', peer: this.name, stream: this.#stream, bytes });
  }

  #frame(code: number, payload: Uint8Array, now: Instant): void {
    if (this.#state === 'down' || this.#state === 'closing') return;
    const frame = decodeFrame(code, payload);
    if (frame === undefined) {
      this.counts.unknownKinds++;
      return;
    }
    if (frame.kind === 'hello') this.#greeted(frame, now);
    else if (frame.kind === 'goodbye') this.#bidden(frame, now);
    else if (this.#state === 'greeting') this.#garbage(`${frame.kind} before hello`, now);
    else if (frame.kind === 'ack') this.#acknowledged(frame.sequence, now);
    else if (frame.kind !== 'alive') this.#meaningful(frame, now);
  }

  #meaningful(frame: PeerFrame, now: Instant): void {
    if ('sequence' in frame) {
      this.#taken = (this.#taken + 1) >>> 0;
      if (frame.sequence !== this.#taken) {
        this.#garbage(`${frame.kind} number ${frame.sequence} where ${this.#taken} is due`, now);
        return;
      }
      this.#owed += frame.records.length;
      this.counts.recordsIn += frame.records.length / RECORD_BYTES;
    }
    this.#host.frame(this, frame, now);
  }

  #greeted(hello: Hello, now: Instant): void {
    const version = negotiate(VERSIONS, { ...hello.versions, bootEpoch: hello.bootEpoch }, this.#spoken);
    const stranger = this.#host.stranger(this, hello) ?? this.#otherThanBefore(hello);
    if (version.kind === 'refused' || stranger !== undefined) {
      this.#ending =
        version.kind === 'refused'
          ? { reason: 'version', text: version.reason }
          : { reason: 'stranger', text: stranger ?? '' };
      this.#step('refused', now);
      return;
    }
    this.#spoken = { bootEpoch: hello.bootEpoch, max: hello.versions.max };
    this.hello = hello;
    if (this.#state === 'greeting') this.#step('accepted', now);
    else this.#host.changed(this);
  }

  /** A second hello of a stream may say something else, but not of who speaks. */
  #otherThanBefore(hello: Hello): string | undefined {
    const same = this.#state === 'greeting' || this.hello?.bootEpoch === hello.bootEpoch;
    return same ? undefined : 'another process on the same stream';
  }

  #bidden({ reason, text, back }: Goodbye, now: Instant): void {
    const isPlanned = reason === 'leaving' || reason === 'restarting';
    this.lastError = isPlanned ? undefined : `peer ended the stream: ${reason} ${text}`.trimEnd();
    this.#ending = undefined;
    this.back = (back ?? 0) * 1000;
    if (isPlanned) this.#step('goodbye', now);
    else this.#step('garbage', now);
  }

  #garbage(text: string, now: Instant): void {
    this.counts.garbage++;
    this.#ending = { reason: 'protocol', text };
    this.#step('garbage', now);
  }

  #acknowledged(sequence: number, now: Instant): void {
    let count = 0;
    for (const { sequence: sent, bytes, at } of this.#underWay) {
      if (((sequence - sent) | 0) < 0) break;
      this.#unacknowledged -= bytes;
      if (at !== undefined) this.lag.add(now - at, now);
      count++;
    }
    this.#underWay.splice(0, count);
    if (this.#unacknowledged <= DRAINED) this.#step('drained', now);
  }

  #endingBy(event: SessionEvent): Ending {
    if (event === 'goodbye') return this.back > 0 ? 'restarting' : 'goodbye';
    return event === 'silent' ? 'silent' : 'closed';
  }

  #step(event: SessionEvent, now: Instant, change?: () => void): void {
    const cell = SESSION_TABLE[this.#state][event];
    if (cell === undefined) return;
    const { next, actions } = resolve(cell, () => false);
    if (actions.includes('lose')) this.#host.lost(this, this.#endingBy(event), now);
    change?.();
    if (next !== 'same' && next !== this.#state) {
      this.#state = next;
      this.since = now;
    }
    for (const action of actions) this.#act(action, now);
  }

  #act(action: SessionAction, now: Instant): void {
    switch (action) {
      case 'greet':
        this.#begin(now);
        return;
      case 'establish':
        this.lastError = undefined;
        this.#host.established(this, now);
        return;
      case 'hold':
        this.counts.behind++;
        this.#host.effect({ kind: 'event', event: 'sync-peer-behind', values: { peer: this.name } });
        return;
      case 'catchUp':
        this.#host.caughtUp(this);
        return;
      case 'hangUp':
        this.#hangUp();
        return;
      case 'lose':
        return;
    }
  }

  #begin(now: Instant): void {
    this.#reader = new FrameReader((kind, payload) => this.#frame(kind, payload, this.#heard));
    this.#heard = now;
    this.#aliveAt = now + ALIVE_EVERY;
    this.#sent = 0;
    this.#taken = 0;
    this.#owed = 0;
    this.#underWay = [];
    this.#unacknowledged = 0;
    this.hello = undefined;
    this.send(this.#host.ourHello());
  }

  #hangUp(): void {
    const ending = this.#ending;
    this.#ending = undefined;
    if (ending !== undefined) {
      this.lastError = `${ending.reason}: ${ending.text}`;
      this.send({ kind: 'goodbye', ...ending });
    }
    const reason = ending === undefined ? 'goodbye' : ending.text;
    this.#host.effect({ kind: 'disconnect', peer: this.name, stream: this.#stream, reason });
  }
}
