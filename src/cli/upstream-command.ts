/** Options and help of `sluice upstream` and `sluice upstream-view`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { VENDORS } from '../api/vendors.ts';
import type { SocketOptions } from './connect.ts';
import type { CliContext } from './context.ts';
import { parseDuration } from './duration.ts';
import { clientFor, speaksToAgent, wholeNumber } from './options.ts';
import type { ShowOptions } from './show.ts';
import type { UpstreamCommandOptions } from './upstream.ts';

const UPSTREAM_HELP = `
A router is NAME/ROUTER-ID, and behind another / its interfaces, separated by commas: those that lead to directors, with the
alias of the cluster file whose settings they get (\`eth2=up0\`; without one where all are alike), networks that directors
get a route to (\`eth1=passive\`), and what is in area 0.0.0.0 where the directors are not (\`eth0=backbone\`).

With --vendor the configuration is printed, each setting with its reason; with --json, settings and text. Secrets of the key
files are left out unless --keys is given. What could not be checked against a document of the vendor is marked so.

With --check, what \`show running-config\` of FRR, IOS, NX-OS or EOS lacks, and what in it is dangerous, each with its line,
what comes of it and the lines to add. Exit code 1 when anything is missing or dangerous, 2 when it cannot be told.

\`sluice upstream-view\` asks a running agent which directors its routers spread the traffic over.

Examples:
  sluice upstream --vendor frr --router r1/10.255.1.1/eth2=up0,eth3=up0,eth1=passive
  sluice upstream --vendor nxos --json | jq '.routers[0].settings'
  sluice upstream --vendor linux > /usr/local/sbin/sluice-upstream
  ssh r1 vtysh -c "'show running-config'" | sluice upstream --check -
  sluice upstream --check r1.conf --router r1/10.255.1.1/eth2=up0 --json`;

export function addUpstream(program: Command, context: CliContext, finish: (code: number) => void): void {
  program
    .command('upstream')
    .description('configuration of the routers for this cluster, by vendor, or what is amiss in theirs; needs no agent')
    .option('--config <file>', 'the cluster file', '/etc/sluice/cluster.yml')
    .addOption(new Option('--vendor <vendor>', 'whose configuration').choices(VENDORS))
    .option('--release <version>', 'of FRR or BIRD, where it makes a difference: 8.4')
    .option('--router <router>', 'a router, see below; may be given several times', several, [])
    .option('--instance <name>', 'routing instance (default: of the aliases named, else the one that announces VIPs)')
    .option('--bfd <interval:multiplier>', 'BFD on the links towards directors, such as 50ms:3', bfd)
    .option('--keys', 'put the secrets of the key files into the text')
    .option('--check <file>', 'running configuration of a router, or - for standard input')
    .option('--json', 'print JSON')
    .addHelpText('after', UPSTREAM_HELP)
    .action(async (options: UpstreamCommandOptions) => {
      const { upstream } = await import('./upstream.ts');
      finish(await upstream(context, options));
    });
}

function several(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function bfd(text: string): { interval: number; multiplier: number } {
  const [time = '', times = ''] = text.split(':');
  const interval = parseDuration(time);
  if (interval === undefined || interval < 1 || !/^\d{1,3}$/.test(times)) {
    throw new InvalidArgumentError('Write INTERVAL:MULTIPLIER, such as 50ms:3.');
  }
  return { interval, multiplier: Number(times) };
}

interface UpstreamViewOptions extends SocketOptions, ShowOptions {
  readonly maxPaths?: number;
}

export function addUpstreamView(program: Command, context: CliContext, finish: (code: number) => void): void {
  speaksToAgent(program.command('upstream-view').argument('[router]', 'router id (default: every upstream router)'))
    .description('for each VIP: which directors an upstream router spreads it over, and why not over another')
    .option('--max-paths <n>', 'next hops that the router takes into one route', wholeNumber)
    .option('--watch', 'redraw every second')
    .addHelpText(
      'after',
      `
Computed here from the link state database, as the router does; what its kernel made of it is not asked.
Exit code 1 when a director that should be in a set is not. One that drains is not missed.

Next hops that routers take unless told otherwise: FRR of Debian 256, BIRD 16, Junos 16, NX-OS 8, IOS 4.

Examples:
  sluice upstream-view
  sluice upstream-view 10.255.0.101 --max-paths 4`,
    )
    .action(async (router: string | undefined, options: UpstreamViewOptions) => {
      const { upstreamView } = await import('./upstream-view.ts');
      finish(await upstreamView(context, await clientFor(options), router, options));
    });
}
