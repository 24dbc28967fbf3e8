/** Options and help of what is asked of a running agent: drains of directors and servers, restart, reload; and its events. */
import { type Command, Option } from 'commander';
import type { SocketOptions } from './connect.ts';
import type { CliContext } from './context.ts';
import { asDuration, clientFor, speaksToAgent, wholeNumber } from './options.ts';
import type { RestartOptions } from './restart.ts';

export function addControlCommands(program: Command, context: CliContext, finish: (code: number) => void): void {
  speaksToAgent(program.command('events').description('what has happened (the last 1000 events)'))
    .option('--follow', 'go on with what happens')
    .option('--since <seq>', 'only events after this number', wholeNumber)
    .addHelpText('after', '\nExample:\n  sluice events --follow')
    .action(async (options: SocketOptions & { json?: boolean; follow?: boolean; since?: number }) => {
      const { events } = await import('./events.ts');
      finish(await events(context, await clientFor(options), options));
    });
  speaksToAgent(program.command('drain').description('move the traffic to the other directors, then withdraw'))
    .option(
      '--deadline <duration>',
      "how long to wait for the traffic to go (default: the file's lifecycle.drain)",
      asDuration,
    )
    .option('--no-wait', 'return at once instead of showing the steps until it is done')
    .addHelpText(
      'after',
      `
The last director that announces a VIP goes on serving it, deadline or not, until another one announces it.

Examples:
  sluice drain
  sluice drain --deadline 5m --no-wait`,
    )
    .action(async (options: SocketOptions & { json?: boolean; deadline?: number; wait: boolean }) => {
      const { drain } = await import('./drain.ts');
      finish(await drain(context, await clientFor(options), options));
    });
  speaksToAgent(program.command('undrain').description('end a drain and take traffic again')).action(
    async (options: SocketOptions & { json?: boolean }) => {
      const { undrain } = await import('./drain.ts');
      finish(await undrain(context, await clientFor(options), options));
    },
  );
  addServerDrains(program, context, finish);
  speaksToAgent(
    program
      .command('restart')
      .description('end the agent so that the next one takes over and no router notices (RFC 3623)'),
  )
    .addOption(
      new Option('--reason <reason>', 'told to the routers').choices(['restart', 'upgrade']).default('restart'),
    )
    .option('--no-wait', 'return at once instead of waiting until the next agent has taken over')
    .addHelpText(
      'after',
      `
The agent ends and leaves the kernel forwarding; systemd (Restart=always) or a script starts the next one, within
lifecycle.grace of the cluster file. The routers have to help: BIRD does, FRR needs \`graceful-restart helper enable\`.

Example:
  sluice restart --reason upgrade`,
    )
    .action(async (options: SocketOptions & RestartOptions) => {
      const { restart } = await import('./restart.ts');
      finish(await restart(context, await clientFor(options), options));
    });
  speaksToAgent(program.command('reload').description('read the cluster file again and apply the difference')).action(
    async (options: SocketOptions & { json?: boolean }) => {
      const { reload } = await import('./config.ts');
      finish(await reload(context, await clientFor(options), options));
    },
  );
}

function addServerDrains(program: Command, context: CliContext, finish: (code: number) => void): void {
  speaksToAgent(
    program
      .command('drain-server')
      .argument('<service>')
      .argument('<server>')
      .description('give a real server no new connections, and end those it has at the deadline'),
  )
    .option(
      '--deadline <duration>',
      "how long its connections may go on (default: the service's drain; 0s: end them now)",
      asDuration,
    )
    .option('--no-wait', 'return at once instead of showing what is left until it is drained')
    .addHelpText(
      'after',
      `
Of this director only: run it on each. The next agent here knows of it, too, until undrain-server is said or the server has left
the cluster file. What is left at the deadline hears RST (TCP) or goes to another server (UDP).

Example:
  sluice drain-server web r2 --deadline 5m`,
    )
    .action(
      async (
        service: string,
        server: string,
        options: SocketOptions & { json?: boolean; deadline?: number; wait: boolean },
      ) => {
        const { drainServer } = await import('./drain-server.ts');
        finish(await drainServer(context, await clientFor(options), { service, server }, options));
      },
    );
  speaksToAgent(
    program
      .command('undrain-server')
      .argument('<service>')
      .argument('<server>')
      .description('give a drained real server new connections again'),
  ).action(async (service: string, server: string, options: SocketOptions & { json?: boolean }) => {
    const { undrainServer } = await import('./drain-server.ts');
    finish(await undrainServer(context, await clientFor(options), { service, server }, options));
  });
}
