/**
 * The router's side of a cluster file, without an agent: its configuration as text, and what a running one lacks. Reads the cluster
 * file, the key files that it names, and the templates.
 */
import { readFile } from 'node:fs/promises';
import type { Fault } from '../core/base/fault.ts';
import { parseCluster } from '../core/config/parse.ts';
import type { Cluster } from '../core/model/cluster.ts';
import { type CheckRequest, checkRunningConfig, type RouterCheck } from '../core/upstream/check.ts';
import { reasonedSettings, type Setting } from '../core/upstream/reasons.ts';
import { renderUpstream, type Target, TEMPLATES } from '../core/upstream/render.ts';
import {
  type LinkBfd,
  parseRouter,
  settingsFor,
  type UpstreamOptions,
  type UpstreamSettings,
} from '../core/upstream/settings.ts';
import { readKeyFiles, ringName } from './key-files.ts';

export type { RouterCheck } from '../core/upstream/check.ts';
export type { Finding } from '../core/upstream/finding.ts';
export type { Setting } from '../core/upstream/reasons.ts';
export type { Dialect } from '../core/upstream/running-config.ts';
export type { LinkBfd, UpstreamLink, UpstreamSettings } from '../core/upstream/settings.ts';
export type { Vendor } from '../core/upstream/words.ts';
export type { Target };

/** Something that does not fit: of the cluster file with its place, otherwise a sentence. */
export type UpstreamFault = Fault | string;

export type OrFaults<T> = { readonly faults: readonly UpstreamFault[] } | T;

/** Which router, for the cluster of a file. */
export interface UpstreamQuery {
  /** `NAME/ROUTER-ID[/INTERFACE[=ALIAS|=passive|=backbone],…]` */
  readonly router: string;
  readonly instance?: string | undefined;
  readonly bfd?: LinkBfd | undefined;
  /** Secrets of the key files stand in the text. */
  readonly showKeys?: boolean | undefined;
}

/** One router's configuration. */
export interface RouterConfiguration {
  readonly router: string;
  readonly settings: readonly Setting[];
  readonly text: string;
}

/** The text for a router with these settings; `templates` is `frr-templates/`. Throws an Error that says what the vendor lacks. */
export async function upstreamText(target: Target, settings: UpstreamSettings, templates: URL): Promise<string> {
  const rendered = renderUpstream(target, settings, await templateOf(target, templates));
  if ('faults' in rendered) throw new Error(rendered.faults.join('; '));
  return rendered.text;
}

function templateOf({ vendor }: Target, templates: URL): Promise<string> {
  return readFile(new URL(`upstream/${TEMPLATES[vendor]}`, templates), 'utf8');
}

/** The configuration of a router for the cluster file at `path`. Rejects where the file or a template cannot be read. */
export async function configureRouter(
  path: string,
  query: UpstreamQuery,
  target: Target,
  templates: URL,
): Promise<OrFaults<RouterConfiguration>> {
  const read = await readCluster(path);
  if ('faults' in read) return read;
  const request = parseRouter(query.router);
  if ('fault' in request) return { faults: [request.fault] };
  const options = await optionsFor(read.cluster, path, query);
  const settings = settingsFor(read.cluster, request, options);
  if ('fault' in settings) return { faults: [settings.fault] };
  const rendered = renderUpstream(target, settings, await templateOf(target, templates));
  if ('faults' in rendered) return rendered;
  return { router: settings.hostname, settings: reasonedSettings(settings), text: rendered.text };
}

/** What the router's `text` lacks for the cluster file at `path`. Rejects where the file cannot be read. */
export async function checkRouter(
  path: string,
  query: Omit<UpstreamQuery, 'router'> & { readonly router: string | undefined },
  text: string,
  dialect: CheckRequest['dialect'],
): Promise<OrFaults<RouterCheck>> {
  const read = await readCluster(path);
  if ('faults' in read) return read;
  const router = query.router === undefined ? undefined : parseRouter(query.router);
  if (router !== undefined && 'fault' in router) return { faults: [router.fault] };
  const options = await optionsFor(read.cluster, path, query);
  const checked = checkRunningConfig(text, read.cluster, { dialect, router, options });
  return 'fault' in checked ? { faults: [checked.fault] } : checked;
}

async function readCluster(path: string): Promise<OrFaults<{ readonly cluster: Cluster }>> {
  return parseCluster(await readFile(path, 'utf8'));
}

/** Key files are on the directors: where they are not, a placeholder says where the secret goes. */
async function optionsFor(
  cluster: Cluster,
  path: string,
  query: Omit<UpstreamQuery, 'router'>,
): Promise<UpstreamOptions> {
  const { rings } = await readKeyFiles(cluster, path);
  return {
    instance: query.instance,
    bfd: query.bfd,
    showKeys: query.showKeys,
    ring: (auth) => rings.get(ringName(auth)),
  };
}
