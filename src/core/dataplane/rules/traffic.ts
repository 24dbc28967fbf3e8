/** Packets and bytes per server id, both ways, as they come in. */
import { SERVER_ID_EXPRESSION } from '../mark.ts';
import { TRAFFIC_IN_SET, TRAFFIC_OUT_SET } from '../names.ts';
import type { FoundTable, WantedSet } from '../ruleset.ts';
import type { Part } from './parts.ts';

/** Of the first packet, once its server is chosen; also of one that a limit refuses then. */
export const COUNT_FIRST = `${SERVER_ID_EXPRESSION} @${TRAFFIC_IN_SET}`;

const RULES: readonly string[] = [
  `ct direction original ${SERVER_ID_EXPRESSION} @${TRAFFIC_IN_SET}`,
  `ct direction reply ${SERVER_ID_EXPRESSION} @${TRAFFIC_OUT_SET}`,
];

/** Elements of retired ids are kept, also when their whole service is gone: they say which ids are taken. */
function trafficSet(found: FoundTable | undefined, name: string, given: ReadonlySet<string>): WantedSet {
  const elements = new Map<string, string>();
  for (const key of found?.sets.get(name)?.elements.keys() ?? []) elements.set(key, '');
  for (const key of given) elements.set(key, '');
  return { kind: 'set', declaration: 'typeof ct mark; counter', elements };
}

/** `given`: the ids of servers that are wanted, in decimal. */
export function trafficPart(found: FoundTable | undefined, given: ReadonlySet<string>): Part {
  return {
    rules: { known: RULES },
    sets: new Map([
      [TRAFFIC_IN_SET, trafficSet(found, TRAFFIC_IN_SET, given)],
      [TRAFFIC_OUT_SET, trafficSet(found, TRAFFIC_OUT_SET, given)],
    ]),
  };
}
