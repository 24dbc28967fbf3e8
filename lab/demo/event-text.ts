/** An agent's event as a person wants to read it in passing: a few words, without the values that say nothing here. */
import type { EventName } from '../../src/api/documents.ts';
import type { DirectorEvent } from '../scenarios/observe.ts';

type Values = Readonly<Record<string, unknown>>;

/** Events that are shown, and how. What is not here happens too often to be read. */
const TEXTS: Readonly<Partial<Record<EventName, (values: Values) => string>>> = {
  'agent-started': ({ version }) => `agent started, version ${version}`,
  'agent-stopped': () => 'agent stopped',
  'state-changed': ({ from, to, reason }) => `${from} → ${to}${reason === undefined ? '' : `: ${reason}`}`,
  'drain-step': ({ step, detail }) => `drain: ${step} ${detail ?? ''}`.trimEnd(),
  'neighbor-changed': ({ interface: iface, routerId, to }) => `neighbor ${routerId} on ${iface}: ${to}`,
  'dataplane-programmed': () => 'data plane programmed and read back',
  'dataplane-drift': (values) => `data plane was changed by somebody else ${plain(values)}`,
  'dataplane-fault': (values) => `data plane refused ${plain(values)}`,
  'server-state': ({ server, to, reason }) => `real server ${server} is ${to} (${reason})`,
  'speaker-fault': plain,
  'vip-announced': ({ vip, metric }) => `announces ${vip} with metric ${metric}`,
  'vip-metric': ({ vip, from, to }) => `metric of ${vip}: ${from} → ${to}`,
  'vip-withdrawn': ({ vip }) => `no longer announces ${vip}`,
  'vip-unprogrammed': ({ vip }) => `data plane no longer has ${vip}`,
};

/** Neighbors pass through many states; a visitor cares for the first and the last. */
export function isWorthShowing({ event, values }: DirectorEvent): boolean {
  if (event === 'neighbor-changed') return ['full', 'down'].includes(String(values['to']).toLowerCase());
  return event in TEXTS;
}

export function eventText({ event, values }: DirectorEvent): string {
  const text = TEXTS[event];
  return text === undefined ? `${event} ${plain(values)}` : text(values);
}

/** Every value that is not a structure. */
function plain(values: Values): string {
  return Object.entries(values)
    .filter(([, value]) => typeof value !== 'object')
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
