import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { NetlinkWriter } from '../../../src/core/netlink/attributes.ts';
import { BatchAnswers, type BatchMessage, encodeBatch, MAX_BATCH_MESSAGES } from '../../../src/core/netlink/batch.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const MESSAGE: BatchMessage = { type: 0x0a06, flags: 0x100, payload: new Uint8Array([2, 0, 0, 0, 5, 0, 1, 0, 0x78]) };

/** NLMSG_ERROR: header, errno, header of the request; `behind` is what follows that. */
function answer(errno: number, sequence: number, { flags = 0x100, repeated = 0, text = '' } = {}): Uint8Array {
  const w = new NetlinkWriter();
  w.u32(0).u16(2).u16(flags).u32(sequence).u32(0);
  w.u32(-errno >>> 0);
  w.u32(16 + repeated)
    .u16(0x0a06)
    .u16(0)
    .u32(sequence)
    .u32(0)
    .bytes(new Uint8Array(repeated));
  if (text !== '') w.attribute(1, () => w.text(text));
  return w.endMessage(0).finish();
}

describe('batches', () => {
  // struct nlmsghdr of 16 bytes, struct nfgenmsg with the subsystem in network order.
  test('bytes: begin, messages with acknowledgement asked for, padded, end', () => {
    const bytes = hex(encodeBatch({ subsystem: 10, messages: [MESSAGE] }, 7));
    const begin = '140000001000010007000000000000000000000a';
    const message = '19000000060a0501080000000000000002000000050001007800'.padEnd(56, '0');
    const end = '140000001100010009000000000000000000000a';
    expect(bytes).toBe(begin + message + end);
  });

  test('the generation that it is for stands in the beginning, in network order', () => {
    const bytes = encodeBatch({ subsystem: 10, messages: [], generation: 0x01020304 }, 1);
    expect(hex(bytes.subarray(0, 28))).toBe('1c0000001000010001000000000000000000000a0800010001020304');
  });

  test('more messages than answers that fit are refused', () => {
    const messages = new Array<BatchMessage>(MAX_BATCH_MESSAGES + 1).fill(MESSAGE);
    expect(() => encodeBatch({ subsystem: 10, messages }, 1)).toThrow(RangeError);
  });
});

describe('the answers to a batch', () => {
  test('are complete when every message was answered; what is of another batch is passed over', () => {
    const answers = new BatchAnswers(10, 2);
    answers.take(answer(22, 9));
    answers.take(answer(0, 11));
    expect(answers.isComplete).toBe(false);
    answers.take(answer(0, 12));
    expect(answers.isComplete).toBe(true);
    expect(answers.refusals).toEqual([]);
  });

  test('each refusal is of its message, with the kernel’s words where it has any; capped or not', () => {
    const answers = new BatchAnswers(10, 2);
    const both = [answer(2, 11, { flags: 0, repeated: 40 }), answer(22, 12, { flags: 0x300, text: 'No such thing' })];
    answers.take(new Uint8Array(Buffer.concat(both)));
    expect(answers.isComplete).toBe(true);
    expect(answers.refusals).toEqual([
      { index: 0, errno: 2, text: undefined },
      { index: 1, errno: 22, text: 'No such thing' },
    ]);
    const uncapped = new BatchAnswers(1, 1);
    uncapped.take(answer(17, 2, { flags: 0x200, repeated: 24, text: 'there is one' }));
    expect(uncapped.refusals).toEqual([{ index: 0, errno: 17, text: 'there is one' }]);
  });

  test('a refusal of the beginning is of the whole batch, and the last word', () => {
    const answers = new BatchAnswers(10, 3);
    answers.take(answer(85, 10));
    expect(answers.isComplete).toBe(true);
    expect(answers.refusals).toEqual([{ index: undefined, errno: 85, text: undefined }]);
  });

  test('any bytes are answers or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        try {
          new BatchAnswers(1, 3).take(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});
