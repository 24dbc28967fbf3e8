/** Options and help of `sluice realserver`. */
import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { RealServerOptions } from './realserver.ts';

export function addRealServer(program: Command, context: CliContext, finish: (code: number) => void): void {
  const also = (value: string, before: readonly string[]) => [...before, value];
  program
    .command('realserver')
    .description('what a real server needs for the modes of the cluster file; needs no agent')
    .option('--print', 'a script for a shell, which may run at every boot')
    .option('--apply', 'mend on this host what deviates')
    .option('--audit', 'say what deviates on this host, and what comes of it')
    .option('--config <file>', 'the cluster file', '/etc/sluice/cluster.yml')
    .option('--service <service>', 'only for this service (default: all)')
    .option('--name <server>', 'which server of the file it is (default: whichever has an address of this host)')
    .option('--interface <device>', 'by which the directors reach it (default: the one with its address)')
    .option('--director <name=address[,mac]>', 'where it meets a director, unless the file has inside', also, [])
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Run it as root on the real server itself, which needs the cluster file, iproute2 and, for NAT by several directors and for
tunnels, nft. With --print, --name and --interface this host is not looked at, and may be any.
What is there already is left alone; nothing is undone. MAC addresses of directors are asked of ARP, all directors up.

Exit code 0 when nothing deviates, 1 when something does, 2 when it cannot be said.

Examples:
  sluice realserver --audit
  sluice realserver --apply && sluice realserver --audit --json
  sluice realserver --print --name s1 --interface eth0 --config cluster.yml`,
    )
    .action(async (options: RealServerOptions) => {
      const { realServer } = await import('./realserver.ts');
      finish(await realServer(context, options));
    });
}
