/**
 * Makes entries be as records say: many requests in one datagram, answered before the call returns.
 *
 * What one record needs may take several requests, each of which depends on the answer to the one before. All records of a chunk
 * go one step at a time, together, by this table of steps:
 *
 *   create    done: created       EEXIST: check         else refused
 *   check     the same: update    other replica: replace       other, or none (the server's side is taken): refused
 *   replace   done, ENOENT: create (once)
 *   update    done: updated       ENOENT: create
 *   refresh   done: refreshed     ENOENT: create
 *   demote    done: demoted       ENOENT: create
 *   find      the same, a replica: delete                 else not deleted
 *   delete    done: deleted       ENOENT: not deleted (another entry has its place: the kernel compares ids)
 *
 * What is only predicted replaces nothing: it is refused there.
 *
 * A delete is preceded by a look because the tuple may be in use again: by a connection of our own of which nobody knows yet, or by
 * one to another server.
 */
import { u32At } from '../../core/base/big-endian.ts';
import { MOVED_BIT, REPLICA_BIT } from '../../core/dataplane/mark.ts';
import { type AnswerListener, walkAnswers } from '../../core/netlink/answers.ts';
import { FLOW_WORDS, Flow, readFlow } from '../../core/netlink/flow.ts';
import { FlowRequests } from '../../core/netlink/flow-requests.ts';
import { Field, Op, Protocol, RECORD_BYTES, RecordFlag, recordHash } from '../../core/sync/records/record.ts';
import { type CtnetlinkSocket, ctnetlinkRefusal } from '../../io/ctnetlink.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { readRecordFlow, type ServiceIndex, sameTuples } from './flow-record.ts';

/** Records at a time: a quarter of a millisecond in the kernel. */
export const CHUNK = 128;
/** A step that leads back is taken once, or twice when somebody else writes to the table at the same time. */
const MAX_ROUNDS = 8;
const TABLE = 4 * CHUNK;
const FEW = 8;
/** What a demoted entry's mark is given anew: nobody has taken it over, somebody else carries it. */
const DEMOTED_BITS = (REPLICA_BIT | MOVED_BIT) >>> 0;

const ENOENT = 2;
const EEXIST = 17;

type Step = 'create' | 'check' | 'replace' | 'update' | 'refresh' | 'demote' | 'find' | 'delete';

export type Outcome =
  | 'created'
  | 'updated'
  | 'refreshed'
  | 'demoted'
  | 'deleted'
  | 'notDeleted'
  | 'refusedNoServer'
  | 'refusedConflict'
  | 'refusedOther';

export interface WriteListener {
  /** What became of a record. */
  settled(records: Uint8Array, at: number, outcome: Outcome): void;
}

/** What the answer to one request was. */
interface Answer {
  errno: number;
  found: boolean;
  /** Of what was found: it has the tuples of the record. */
  same: boolean;
  replica: boolean;
  id: number;
  status: number;
}

const orCreate = (done: Outcome) => (answer: Answer) => ended(answer, ENOENT, 'create', done);

function ended({ errno }: Answer, expected: number, then: Step | Outcome, done: Step | Outcome): Step | Outcome {
  if (errno === 0) return done;
  return errno === expected ? then : 'refusedOther';
}

const NEXT: Readonly<Record<Step, (answer: Answer) => Step | Outcome>> = {
  create: (answer) => ended(answer, EEXIST, 'check', 'created'),
  check: ({ found, same, replica }) => (same && found ? 'update' : found && replica ? 'replace' : 'refusedConflict'),
  replace: (answer) => ended(answer, ENOENT, 'create', 'create'),
  update: orCreate('updated'),
  refresh: orCreate('refreshed'),
  demote: orCreate('demoted'),
  find: ({ found, same, replica }) => (found && same && replica ? 'delete' : 'notDeleted'),
  delete: (answer) => ended(answer, ENOENT, 'notDeleted', 'deleted'),
};

const isStep = (next: Step | Outcome): next is Step => next in NEXT;

interface Item {
  at: number;
  step: Step;
  readonly answer: Answer;
}

const blank = (): Item => ({
  at: 0,
  step: 'create',
  answer: { errno: 0, found: false, same: false, replica: false, id: 0, status: 0 },
});

export class RecordWriter {
  readonly #socket: CtnetlinkSocket;
  readonly #view: DataView;
  readonly #listener: WriteListener;
  readonly #requests = new FlowRequests(CHUNK);
  readonly #items = Array.from({ length: CHUNK }, blank);
  #count = 0;
  readonly #flow = new Uint32Array(FLOW_WORDS);
  readonly #found = new Uint32Array(FLOW_WORDS);
  /** Hashes of the keys in a chunk, by open addressing; 0 = free. */
  readonly #hashes = new Int32Array(TABLE);
  #mask = 0;
  #sequence = 1;
  #acknowledged = false;
  #records: Uint8Array = new Uint8Array();

  constructor(socket: CtnetlinkSocket, listener: WriteListener) {
    this.#socket = socket;
    this.#view = new DataView(socket.bytes.buffer, socket.bytes.byteOffset, socket.bytes.byteLength);
    this.#listener = listener;
  }

  /**
   * Writes one chunk: records from `at` on, until there are `CHUNK`, or a connection comes a second time, whose first record has
   * to be through by then.
   *
   * @returns where the next chunk begins
   * @throws KernelError `conntrack-apply`
   */
  write(records: Uint8Array, from: number, services: ServiceIndex): number {
    this.#records = records;
    this.#count = 0;
    const end = Math.min(records.length, from + CHUNK * RECORD_BYTES);
    // Only as many places as are needed: a record that comes alone is not to wait for all of them to be cleared.
    this.#mask = 4 * (end - from <= FEW * RECORD_BYTES ? FEW : CHUNK) - 1;
    this.#hashes.fill(0, 0, this.#mask + 1);
    let at = from;
    for (; at < end && this.#isFirst(recordHash(records, at)); at += RECORD_BYTES) {
      const step = this.#firstStep(at);
      if (step !== undefined) this.#take(at, step);
    }
    for (let round = 0; this.#count > 0 && round < MAX_ROUNDS; round++) this.#round(services);
    for (let i = 0; i < this.#count; i++) this.#listener.settled(records, this.#items[i]!.at, 'refusedOther');
    return at;
  }

  /** The entry that the words of a question lead to, in `into`. @throws KernelError `conntrack-get` */
  look(question: Uint32Array, byReply: boolean, into: Uint32Array): boolean {
    const requests = this.#begin();
    if (byReply) requests.getByReply(question);
    else requests.get(question);
    let found = false;
    this.#exchange('conntrack-get', {
      message: (_index, _type, at, end) => {
        found = readFlow(this.#view, at, end, into);
      },
      settled: () => {
        this.#acknowledged = true;
      },
    });
    return found;
  }

  /** Puts the hash of a key in; false when it is there. Two keys with the same hash end a chunk for nothing. */
  #isFirst(hash: number): boolean {
    const value = hash | 1 | 0;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      if (this.#hashes[slot] === value) return false;
      if (this.#hashes[slot] !== 0) continue;
      this.#hashes[slot] = value;
      return true;
    }
  }

  /** Undefined: nothing is to be done. */
  #firstStep(at: number): Step | undefined {
    const records = this.#records;
    // Which server a client is remembered to have is no connection.
    if (records[at + Field.protocol] === Protocol.persistence) return undefined;
    const op = records[at + Field.op];
    if (op === Op.put) return (records[at + Field.flags]! & RecordFlag.demote) !== 0 ? 'demote' : 'create';
    if (op === Op.refresh) return 'refresh';
    return op === Op.delete ? 'find' : undefined;
  }

  #take(at: number, step: Step): void {
    const item = this.#items[this.#count++]!;
    item.at = at;
    item.step = step;
  }

  #begin(): FlowRequests {
    this.#requests.begin(this.#sequence);
    return this.#requests;
  }

  /** One step of all records that are not through. */
  #round(services: ServiceIndex): void {
    this.#begin();
    let sent = 0;
    for (let i = 0; i < this.#count; i++) {
      const item = this.#items[i]!;
      if (this.#request(item, services)) this.#swap(sent++, i);
      else this.#listener.settled(this.#records, item.at, 'refusedNoServer');
    }
    this.#count = sent;
    if (sent === 0) return;
    this.#exchange('conntrack-apply', this.#answers);
    let left = 0;
    for (let i = 0; i < sent; i++) {
      const item = this.#items[i]!;
      const next = NEXT[item.step](item.answer);
      if (isStep(next)) {
        item.step = next;
        this.#swap(left++, i);
      } else {
        this.#listener.settled(this.#records, item.at, next);
      }
    }
    this.#count = left;
  }

  #swap(to: number, from: number): void {
    const item = this.#items[from]!;
    this.#items[from] = this.#items[to]!;
    this.#items[to] = item;
  }

  /** Writes the request of an item's step; false when there is no id for its server. */
  #request(item: Item, services: ServiceIndex): boolean {
    const flow = this.#flow;
    const { answer } = item;
    readRecordFlow(this.#records, item.at, flow);
    switch (item.step) {
      case 'create': {
        const id = services.idOf(u32At(this.#records, item.at + Field.service), flow[Flow.replySource]!);
        if (id === 0) return false;
        flow[Flow.mark] = REPLICA_BIT | id;
        this.#requests.create(flow);
        break;
      }
      case 'check':
      case 'find':
        this.#requests.get(flow);
        break;
      case 'update':
        // A bit that the entry has must not be taken from it.
        flow[Flow.status] = flow[Flow.status]! | answer.status;
        this.#requests.update(flow);
        break;
      case 'refresh':
        this.#requests.refresh(flow);
        break;
      case 'demote':
        this.#requests.remark(flow, REPLICA_BIT, DEMOTED_BITS);
        break;
      default:
        this.#requests.delete(flow, answer.id);
    }
    answer.errno = 0;
    answer.found = false;
    return true;
  }

  readonly #answers: AnswerListener = {
    message: (index, _type, at, end) => {
      const { answer, at: record } = this.#items[index]!;
      answer.found = readFlow(this.#view, at, end, this.#found);
      readRecordFlow(this.#records, record, this.#flow);
      answer.same = sameTuples(this.#found, this.#flow);
      // What is only predicted takes the place of nothing.
      const isSure = (this.#records[record + Field.flags]! & RecordFlag.predicted) === 0;
      answer.replica = isSure && (this.#found[Flow.mark]! & REPLICA_BIT) !== 0;
      answer.id = this.#found[Flow.id]!;
      answer.status = this.#found[Flow.status]!;
    },
    settled: (index, errno) => {
      // Of the last, a refusal and no acknowledgement beside it.
      this.#items[index]!.answer.errno = errno;
      if (index === this.#requests.count - 1) this.#acknowledged = true;
    },
  };

  /** Sends what was written and takes all answers. The last request asks for one in any case. */
  #exchange(request: string, listener: AnswerListener): void {
    const { first, count } = this.#requests;
    this.#sequence = (first + count) >>> 0;
    this.#acknowledged = false;
    try {
      this.#socket.send(this.#requests.finish());
      this.#takeAnswers(request, listener);
    } catch (cause) {
      throw ctnetlinkRefusal(request, cause);
    }
  }

  #takeAnswers(request: string, listener: AnswerListener): void {
    const { first, count } = this.#requests;
    const { table } = this.#socket;
    // The last request's is the last answer.
    while (!this.#acknowledged) {
      const rows = this.#socket.receive();
      if (rows < 0) throw new KernelError(request, { errno: 'ENOBUFS', text: 'answers were lost' });
      if (rows === 0) throw new KernelError(request, { text: 'no answer' });
      for (let row = 0; row < rows; row++) {
        walkAnswers(this.#view, table[2 * row]!, table[2 * row + 1]!, first, count, listener);
      }
    }
  }
}
