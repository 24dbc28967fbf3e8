/** `sluice realserver` as a command: what it prints, what it runs, and its exit code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commandLines, type ServerHost } from '../../../src/api/realserver.ts';
import { runCli } from '../../../src/cli/main.ts';
import { type Answers, clusterText, soundHost } from '../realserver/hosts.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-realserver-'));
  file = join(folder, 'cluster.yml');
  writeFileSync(file, clusterText(['dr']));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly commands: readonly string[];
}

/** `obey`: what becomes of the host when a command is run; a text: the command complains. */
async function realserver(
  host: Answers,
  args: readonly string[],
  obey: (line: string) => string | undefined = () => undefined,
): Promise<Ran> {
  let [out, err] = ['', ''];
  const commands: string[] = [];
  const serverHost: ServerHost = {
    answers: async () => host,
    run: async (command) => {
      const [line = ''] = commandLines(command);
      commands.push(line);
      return obey(line);
    },
  };
  const code = await runCli(['realserver', '--config', file, ...args], '1.2.3', {
    out: (text) => {
      out += text;
    },
    complain: (line) => {
      err += `${line}\n`;
    },
    terminal: false,
    signal: new AbortController().signal,
    templates: new URL('file:///nowhere/'),
    runAgent: async () => 0,
    examineHost: async () => ({ met: true, kernel: '6.12', findings: [] }),
    serverHost: () => serverHost,
  });
  return { code, out, err, commands };
}

const SILENCE = 'sysctl -q -w net/ipv4/conf/all/arp_ignore=1';

function broken(): Answers {
  const host = soundHost();
  host.sysctls.set('net/ipv4/conf/all/arp_ignore', '0');
  return host;
}

test('an audit prints what is there and what is not, and changes nothing', async () => {
  const { code, out, commands } = await realserver(broken(), ['--audit']);
  expect(code).toBe(1);
  expect(commands).toEqual([]);
  expect(out).toBe(`Real server s1 10.2.0.21 of cluster edge-1, on eth1

Packets come with a VIP as their destination, and are answered past the directors (api)
  WRONG arp_ignore 1 on every interface: 0 on eth1
        ARP requests for 203.0.113.11, 203.0.113.12 are answered: routers may send clients’ packets past the directors, and all of them here
        mended by --apply, or:
          ${SILENCE}
  ok    arp_announce 2 on every interface
  ok    203.0.113.11/32 on lo
  ok    203.0.113.12/32 on lo
  ok    rp_filter 0 or 2 on eth1
  ok    no default route through a director

1 deviation
`);
  expect((await realserver(soundHost(), ['--audit'])).code).toBe(0);
});

test('the same as JSON', async () => {
  const { code, out } = await realserver(broken(), ['--audit', '--json']);
  expect(code).toBe(1);
  const document = JSON.parse(out) as { deviations: number; sections: { needs: unknown[] }[] };
  expect(document.deviations).toBe(1);
  expect(document.sections[0]?.needs[0]).toEqual({
    what: 'arp_ignore 1 on every interface',
    deviation: {
      found: '0 on eth1',
      consequence:
        'ARP requests for 203.0.113.11, 203.0.113.12 are answered: routers may send clients’ packets past the directors, and all of them here',
      commands: [SILENCE],
      advice: null,
    },
  });
});

test('applying runs what mends the deviations, looks again and says how it is now', async () => {
  const host = broken();
  const { code, out, commands } = await realserver(host, ['--apply'], () => {
    host.sysctls.set('net/ipv4/conf/all/arp_ignore', '1');
    return undefined;
  });
  expect(commands).toEqual([SILENCE]);
  expect(out).toContain('nothing deviates');
  expect(code).toBe(0);
});

test('what a command complains of is said, and is no success', async () => {
  const { code, err } = await realserver(broken(), ['--apply'], () => 'Operation not permitted');
  expect(code).toBe(1);
  expect(err).toContain(`${SILENCE}: Operation not permitted`);
});

test('a script for another host needs its name and its interface, and nothing of this one', async () => {
  const elsewhere = { ...soundHost(), addresses: [] };
  const { code, out } = await realserver(elsewhere, ['--print', '--name', 's1', '--interface', 'ens3']);
  expect(code).toBe(0);
  expect(out).toContain('net/ipv4/conf/ens3/rp_filter=2');
});

test.each([
  [['--print', '--audit'], 'say one of --print, --apply and --audit'],
  [[], 'say one of --print, --apply and --audit'],
  [['--audit', '--name', 's9'], 'no server s9; there are s1 10.2.0.21'],
  [['--audit', '--config', '/nowhere/cluster.yml'], 'cannot read /nowhere/cluster.yml'],
])('%s is a usage error', async (args, complaint) => {
  const { code, err } = await realserver(soundHost(), args);
  expect(code).toBe(2);
  expect(err).toContain(complaint);
});

test('a cluster file with faults is none to go by', async () => {
  writeFileSync(file, clusterText(['dr']).replace('forward: dr', 'forward: dx'));
  const { code, err } = await realserver(soundHost(), ['--audit']);
  expect(code).toBe(2);
  expect(err).toContain('cluster.yml:8:');
});
