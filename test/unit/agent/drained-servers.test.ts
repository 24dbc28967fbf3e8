import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { DrainedServers } from '../../../src/agent/memory/drained-servers.ts';
import type { StateFile } from '../../../src/io/state-file.ts';
import { FakeClock } from './fake-clock.ts';

function keeper(text?: string) {
  const events = new EventLog(new FakeClock());
  const file = { text, refusal: undefined as Error | undefined };
  const stateFile: StateFile = {
    read: async () => file.text,
    write: async (written) => {
      if (file.refusal !== undefined) throw file.refusal;
      file.text = written;
    },
    remove: async () => {
      file.text = undefined;
    },
  };
  return { drained: new DrainedServers(stateFile, events), file, events };
}

const WEB = { service: 'web', server: 'r2' };

test('what is kept is read again; nothing to keep leaves no file', async () => {
  const { drained, file } = keeper();
  expect(await drained.read()).toEqual([]);
  await drained.keep([WEB]);
  expect(await drained.read()).toEqual([WEB]);
  await drained.keep([]);
  expect(file.text).toBeUndefined();
});

test.each(['', '{', '[]', '{"version":2,"drained":[]}', '{"version":1,"drained":[{"service":1}]}', '{"version":1}'])(
  'a file that is not ours is told and ignored: %s',
  async (text) => {
    const { drained, events } = keeper(text);
    expect(await drained.read()).toEqual([]);
    expect(events.since(0).map(({ event }) => event)).toEqual(['state-file-fault']);
  },
);

test('a disk that refuses is told, and the next write counts', async () => {
  const { drained, file, events } = keeper();
  file.refusal = new Error('ENOSPC');
  await drained.keep([WEB]);
  expect(events.since(0).map(({ values }) => values['message'])).toEqual(['ENOSPC']);
  file.refusal = undefined;
  await drained.keep([WEB]);
  expect(await drained.read()).toEqual([WEB]);
});
