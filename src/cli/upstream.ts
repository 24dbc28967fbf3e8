/** `sluice upstream`: what a router needs for this cluster, as its vendor's configuration, or what its running one lacks. No agent. */
import { readFile } from 'node:fs/promises';
import { formatFault } from '../api/check.ts';
import {
  checkRouter,
  configureRouter,
  type Dialect,
  type LinkBfd,
  type RouterConfiguration,
  type UpstreamFault,
  type Vendor,
} from '../api/upstream.ts';
import { type CliContext, Exit } from './context.ts';
import { isRefused, renderRouterCheck } from './render/upstream.ts';
import { asJson } from './show.ts';

export interface UpstreamCommandOptions {
  readonly config: string;
  readonly vendor?: Vendor;
  readonly release?: string;
  readonly router: readonly string[];
  readonly instance?: string;
  readonly bfd?: LinkBfd;
  readonly keys?: boolean;
  readonly check?: string;
  readonly json?: boolean;
}

/** One that the operator has not described: the text says where its own values go. */
const ANY_ROUTER = 'ROUTER/0.0.0.0';

export async function upstream(context: CliContext, options: UpstreamCommandOptions): Promise<number> {
  if (options.check !== undefined) return check(context, options, options.check);
  const { vendor } = options;
  if (vendor === undefined) {
    context.complain('sluice: upstream needs --vendor, or --check with the running configuration of a router');
    return Exit.usage;
  }
  const target = { vendor, release: options.release === undefined ? undefined : Number.parseFloat(options.release) };
  const all: RouterConfiguration[] = [];
  for (const router of options.router.length === 0 ? [ANY_ROUTER] : options.router) {
    const query = { router, instance: options.instance, bfd: options.bfd, showKeys: options.keys === true };
    const configured = await configureRouter(options.config, query, target, context.templates);
    if ('faults' in configured) return complain(context, options.config, configured.faults);
    all.push(configured);
  }
  context.out(options.json === true ? `${asJson({ vendor, routers: all })}\n` : all.map(({ text }) => text).join('\n'));
  return Exit.done;
}

async function check(context: CliContext, options: UpstreamCommandOptions, from: string): Promise<number> {
  if (options.router.length > 1) {
    context.complain('sluice: upstream --check takes one router at a time');
    return Exit.usage;
  }
  const text = from === '-' ? await standardInput() : await readFile(from, 'utf8');
  const query = { router: options.router[0], instance: options.instance, bfd: options.bfd };
  const checked = await checkRouter(options.config, query, text, dialectOf(options.vendor));
  if ('faults' in checked) return complain(context, options.config, checked.faults);
  context.out(`${options.json === true ? asJson(checked) : renderRouterCheck(from, checked)}\n`);
  return isRefused(checked) ? Exit.refused : Exit.done;
}

/** Whose `show running-config` can be read; SONiC's is FRR's. */
function dialectOf(vendor: Vendor | undefined): Dialect | undefined {
  if (vendor === 'sonic') return 'frr';
  return vendor === 'frr' || vendor === 'ios' || vendor === 'nxos' || vendor === 'eos' ? vendor : undefined;
}

async function standardInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function complain(context: CliContext, file: string, faults: readonly UpstreamFault[]): number {
  for (const fault of faults) {
    context.complain(typeof fault === 'string' ? `sluice: ${fault}` : formatFault(file, fault));
  }
  return Exit.usage;
}
