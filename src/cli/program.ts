/**
 * The command line: names, options, help. What a command does is in the file of its name and is loaded only when it runs,
 * so that `sluice --help` and the light commands start fast.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { GetAnswer, GetPath } from '../api/client.ts';
import type { SocketOptions } from './connect.ts';
import type { ConnectionsOptions } from './connections.ts';
import type { CliContext } from './context.ts';
import { addControlCommands } from './control-command.ts';
import type { Endpoint, ExplainOptions } from './explain.ts';
import { clientFor, RUN_DIR, speaksToAgent, wholeNumber } from './options.ts';
import { addRealServer } from './realserver-command.ts';
import type { ShowOptions } from './show.ts';
import { addUpstream, addUpstreamView } from './upstream-command.ts';

export const STATE_DIR = '/var/lib/sluice';

const EXAMPLES = `
Examples:
  sluice check /etc/sluice/cluster.yml          every fault at once, with line and column
  sluice agent --config /etc/sluice/cluster.yml run the director of this host
  sluice status --watch                         is each VIP announced, and if not, why not
  sluice drain --deadline 2m && reboot          move the traffic away, wait, withdraw
  sluice events --follow --json | jq .event     what happens, as it happens

Exit codes: 0 done; 1 not met or refused; 2 usage, or something needed is missing; 3 the agent is not reachable.`;

/** Builds the program; `finish` receives the exit code of the command that ran. */
export function buildProgram(context: CliContext, version: string, finish: (code: number) => void): Command {
  const program = new Command('sluice')
    .description(
      'Cluster controller for all-active Linux load balancers: announces VIPs by OSPF, programs the data plane.',
    )
    .version(version, '-V, --version')
    .showHelpAfterError('(sluice --help shows the commands)')
    .addHelpText('after', EXAMPLES);
  addAgent(program, context, finish);
  addShowCommands(program, context, finish);
  addLsdb(program, context, finish);
  addUpstream(program, context, finish);
  addUpstreamView(program, context, finish);
  addExplain(program, context, finish);
  addConnections(program, context, finish);
  addControlCommands(program, context, finish);
  addCheck(program, context, finish);
  addKeys(program, context, finish);
  addDoctor(program, context, finish);
  addRealServer(program, context, finish);
  return program;
}

function addAgent(program: Command, context: CliContext, finish: (code: number) => void): void {
  program
    .command('agent')
    .description('run the agent of this director until SIGTERM, which drains first')
    .requiredOption('--config <file>', 'the cluster file')
    .option('--name <director>', "which director of the file this is (default: this host's name)")
    .option('--run-dir <dir>', 'where the control socket NAME.sock is made', RUN_DIR)
    .option('--state-dir <dir>', 'where NAME/ is made for what the next agent should know', STATE_DIR)
    .addHelpText(
      'after',
      `
Signals: SIGTERM or SIGINT drains and stops, a second one stops at once; SIGHUP reads the cluster file again; SIGUSR2
ends as \`sluice restart\` does.
A drained stop leaves nothing of ours in the kernel; sysctls that the agent has changed go back to what they were. One at
once, a crash or SIGKILL leaves it forwarding: the next start takes up what is there.`,
    )
    .action(async (options: { config: string; name?: string; runDir: string; stateDir: string }) => {
      finish(await context.runAgent({ ...options, name: options.name }));
    });
}

interface ShowCommand<P extends GetPath> {
  readonly name: string;
  readonly description: string;
  readonly path: P;
  render(): Promise<(document: GetAnswer<P>) => string>;
}

function addShowCommands(program: Command, context: CliContext, finish: (code: number) => void): void {
  const add = <P extends GetPath>(command: ShowCommand<P>) => {
    speaksToAgent(program.command(command.name).description(command.description))
      .option('--watch', 'redraw every second')
      .addHelpText('after', `\nExample:\n  sluice ${command.name} --watch`)
      .action(async (options: SocketOptions & ShowOptions) => {
        const { show } = await import('./show.ts');
        finish(await show(context, await clientFor(options), command.path, await command.render(), options));
      });
  };
  add({
    name: 'status',
    description: 'state of the director, and for each VIP whether it is announced and if not, why',
    path: '/v1/status',
    render: async () => (await import('./render/status.ts')).renderStatus,
  });
  add({
    name: 'neighbors',
    description: 'OSPF neighbors and how far each adjacency has come',
    path: '/v1/neighbors',
    render: async () => (await import('./render/routing.ts')).renderNeighbors,
  });
  add({
    name: 'interfaces',
    description: 'OSPF interfaces',
    path: '/v1/interfaces',
    render: async () => (await import('./render/routing.ts')).renderInterfaces,
  });
  add({
    name: 'routes',
    description: 'routes learned from the neighbors, and whether they are in the kernel',
    path: '/v1/routes',
    render: async () => (await import('./render/routing.ts')).renderRoutes,
  });
  add({
    name: 'counters',
    description: 'OSPF packets received, sent and dropped (by reason), LSAs, SPF runs; what the data plane refused',
    path: '/v1/counters',
    render: async () => (await import('./render/routing.ts')).renderCounters,
  });
  add({
    name: 'services',
    description: 'services with health and traffic',
    path: '/v1/services',
    render: async () => (await import('./render/services.ts')).renderServices,
  });
  add({
    name: 'servers',
    description: 'real servers: state, last probe, traffic',
    path: '/v1/servers',
    render: async () => (await import('./render/services.ts')).renderServers,
  });
  add({
    name: 'sync',
    description: 'connection sync: who lives, what each peer was sent and has confirmed, how late, and what it lacks',
    path: '/v1/sync',
    render: async () => (await import('./render/sync.ts')).renderSync,
  });
}

interface LsdbOptions extends SocketOptions, ShowOptions {
  readonly type?: string;
  readonly router?: string;
  readonly own?: boolean;
  readonly detail?: boolean;
}

function addLsdb(program: Command, context: CliContext, finish: (code: number) => void): void {
  speaksToAgent(program.command('lsdb').description('link state database; * marks our own LSAs'))
    .option('--type <names>', 'router, network, summary, asbr-summary, external, nssa, opaque, or LS types by number')
    .option('--router <id>', 'only what this router originated')
    .option('--own', 'only what we originated')
    .option('--detail', 'one fact per line')
    .option('--watch', 'redraw every second')
    .addHelpText(
      'after',
      `
With --json every LSA has its decoded content.

Examples:
  sluice lsdb --type router --detail       every router with its links
  sluice lsdb --router 10.255.0.101        what one router says
  sluice lsdb --own --json | jq '.[].content'`,
    )
    .action(async (options: LsdbOptions) => {
      const { lsdb } = await import('./lsdb.ts');
      finish(await lsdb(context, await clientFor(options), options));
    });
}

function addExplain(program: Command, context: CliContext, finish: (code: number) => void): void {
  speaksToAgent(
    program
      .command('explain')
      .argument('<client>', 'address and port of the client: ADDRESS:PORT', endpoint)
      .argument('<vip>', 'VIP and port: ADDRESS:PORT', endpoint),
  )
    .description('which real server a new connection gets on this director, and why')
    .addOption(new Option('--protocol <protocol>', 'default: whichever has a service there').choices(['tcp', 'udp']))
    .option('--mark <n>', "mark that rules of your own give to the flow's packets", wholeNumber)
    .addHelpText(
      'after',
      `
The hash slot of the client, the server whose slot it is, the one that stands in for it while it takes no new connections,
and what the kernel remembers of a client where the service has persistence. With FullNAT, also the address and port that
the server sees. A connection that is open already stays where it is, whatever is said here.

Exit code 1 when no server can be named: no service, no server that takes new connections, or a scheduler by turns.

Example:
  sluice explain 198.51.100.7:40123 203.0.113.10:443`,
    )
    .action(async (from: Endpoint, to: Endpoint, options: SocketOptions & ExplainOptions) => {
      const { explain } = await import('./explain.ts');
      finish(await explain(context, await clientFor(options), from, to, options));
    });
}

function addConnections(program: Command, context: CliContext, finish: (code: number) => void): void {
  speaksToAgent(program.command('connections'))
    .description('the connections of all directors that are known here, where connections are synced')
    .option('--client <address>', 'of this client')
    .option('--vip <address>', 'to this VIP')
    .option('--server <address>', 'of this real server')
    .option('--owner <director>', 'carried by this director')
    .option('--local <address:port>', 'whose client the server sees as this: who is behind a FullNAT address')
    .option('--limit <n>', 'no more than so many', wholeNumber)
    .addHelpText(
      'after',
      `
With --json there is one connection per line. A state with ? is that of a connection which nobody told of: it was computed from
what a director that is gone must have done. Exit code 1 when there is none.

Examples:
  sluice connections --vip 203.0.113.10 --limit 20
  sluice connections --local 10.3.0.1:4711                 the client behind it
  sluice connections --owner d2 --json | wc -l`,
    )
    .action(async (options: SocketOptions & ConnectionsOptions) => {
      const { connections } = await import('./connections.ts');
      finish(await connections(context, await clientFor(options), options));
    });
}

function addCheck(program: Command, context: CliContext, finish: (code: number) => void): void {
  program
    .command('check')
    .description('check a cluster file and print every fault with its line and column; needs no agent')
    .argument('<file>', 'the cluster file')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  sluice check /etc/sluice/cluster.yml')
    .action(async (file: string, options: { json?: boolean }) => {
      const { check } = await import('./config.ts');
      finish(await check(context, file, options));
    });
}

function addKeys(program: Command, context: CliContext, finish: (code: number) => void): void {
  const keys = program
    .command('keys')
    .description('the keys of the sync channel: make a file, show what is in it, rotate them; needs no agent')
    .addHelpText(
      'after',
      `
All directors have the same file, and whoever has a key is believed like any of them. A rotation takes three steps, and no
stream is lost to a director that is one step behind: add a key that is only accepted, open streams with it, drop the
old one. After each, every director gets the file and a \`sluice reload\`.

Examples:
  sluice keys make /etc/sluice/cluster.keys     one new key; never overwrites a file
  sluice keys show /etc/sluice/cluster.keys     ids, roles and fingerprints, to compare directors by
  sluice keys rotate /etc/sluice/cluster.keys   the next step of a rotation, and what to do then`,
    );
  const add = (name: 'make' | 'show' | 'rotate', description: string) => {
    keys
      .command(name)
      .description(description)
      .argument('<file>', 'the key file, keys.file of the cluster file')
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  sluice keys ${name} /etc/sluice/cluster.keys`)
      .action(async (file: string, options: { json?: boolean }) => {
        const commands = await import('./keys.ts');
        finish(await commands[`${name}Keys`](context, file, options));
      });
  };
  add('make', 'write a new file with one random key, readable by its owner only; refuses when there is a file');
  add('show', 'ids, roles and fingerprints of the keys, never the keys');
  add('rotate', 'put the next step of a rotation into the file, and say what to do before the next one');
}

function addDoctor(program: Command, context: CliContext, finish: (code: number) => void): void {
  program
    .command('doctor')
    .description(
      'has this host what the data plane needs: kernel features, settings, room for connections; needs no agent',
    )
    .option('--state-dir <dir>', 'where agents have noted which settings they changed', STATE_DIR)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Looks at the network namespace that it runs in, as root, and changes nothing. Exit code 1 when something is missing; what
is only a warning does not count. A setting that is missing is set by an agent when it starts.

Examples:
  sluice doctor
  sluice doctor --json | jq '.findings[] | select(.verdict != "met")'`,
    )
    .action(async (options: { json?: boolean; stateDir: string }) => {
      const { doctor } = await import('./doctor.ts');
      finish(await doctor(context, options));
    });
}

function endpoint(text: string): Endpoint {
  const [, address, port] = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/.exec(text) ?? [];
  if (address === undefined || port === undefined) {
    throw new InvalidArgumentError('Write ADDRESS:PORT, such as 198.51.100.7:40123.');
  }
  return { address, port };
}
