#!/usr/bin/env node
/** The `sluice` command: the CLI, with the agent behind `sluice agent`. */
import { readFileSync } from 'node:fs';
import type { CliContext } from '../cli/context.ts';
import { runCli } from '../cli/main.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const interrupted = new AbortController();
const args = process.argv.slice(2);

// `sluice … | head`: a reader that has seen enough is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
// The agent has its own way with signals. Until it listens, a reload must not end it: it is about to read the file anyway.
if (args[0] === 'agent') process.on('SIGHUP', () => {});
else process.once('SIGINT', () => interrupted.abort());

const context: CliContext = {
  out: (text) => void process.stdout.write(text),
  complain: (line) => void process.stderr.write(`${line}\n`),
  terminal: process.stdout.isTTY === true,
  signal: interrupted.signal,
  templates: new URL('../../../frr-templates/', import.meta.url),
  runAgent: async (options) => {
    const { runAgent } = await import('../agent/main.ts');
    return runAgent({ ...options, version });
  },
  examineHost: async (stateDir) => {
    const { examineHost } = await import('../agent/doctor.ts');
    return examineHost(stateDir);
  },
  serverHost: () => ({
    answers: async (directors) => (await import('../agent/server-host.ts')).serverHost.answers(directors),
    run: async (command) => (await import('../agent/server-host.ts')).serverHost.run(command),
  }),
};

const code = await runCli(args, version, context);
// Output may still be on its way to a pipe, so a command ends by itself; a stopped agent is not kept alive by anything.
if (args[0] === 'agent') process.exit(code);
process.exitCode = code;
