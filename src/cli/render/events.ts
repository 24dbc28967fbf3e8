/** `sluice events`: one line per event, `HH:MM:SS.mmm  name  key=value …`, times of day in UTC. */
import type { EventDocument } from '../../api/documents.ts';

export function renderEvent(event: EventDocument): string {
  const given = Object.entries(event.values).filter(([, value]) => value !== undefined);
  const values = given.map(([key, value]) => `${key}=${shown(value)}`);
  return `${event.at.slice(11, 23)}  ${event.event.padEnd(20)} ${values.join(' ')}`.trimEnd();
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /[\s"=\p{Cc}]/u.test(value) ? JSON.stringify(value) : value;
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(shown).join(',');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
