/**
 * Packets and bytes per server id, both ways, as they come in. First packets are not among them: the look-up of the server's address
 * counts those already (`service.ts`), and who reads adds the two.
 */
import { SERVER_ID_EXPRESSION } from '../mark.ts';
import { TRAFFIC_IN_SET, TRAFFIC_OUT_SET } from '../names.ts';
import { type FoundTable, sizeFor, type WantedSet } from '../ruleset.ts';
import type { Part } from './parts.ts';

const MASKED_RULES: readonly string[] = [
  `ct direction original ${SERVER_ID_EXPRESSION} @${TRAFFIC_IN_SET}`,
  `ct direction reply ${SERVER_ID_EXPRESSION} @${TRAFFIC_OUT_SET}`,
];

/** A mark that is in the set as it stands has no flag. `whatFollows` for what the client sends. */
function plainRules(whatFollows: string): readonly string[] {
  return [
    `ct direction original ct mark @${TRAFFIC_IN_SET} ${whatFollows}`,
    `ct direction reply ct mark @${TRAFFIC_OUT_SET} accept`,
  ];
}

/** Elements of retired ids are kept, also when their whole service is gone: they say which ids are taken. */
function trafficSet(found: FoundTable | undefined, name: string, given: ReadonlySet<string>): WantedSet {
  const elements = new Map<string, string>();
  for (const key of found?.sets.get(name)?.elements.keys() ?? []) elements.set(key, '');
  for (const key of given) elements.set(key, '');
  return { kind: 'set', declaration: `typeof ct mark${sizeFor(elements.size)}; counter`, elements };
}

/** `given`: the ids of servers that are wanted, in decimal; `whatFollows`: the verdict on a client's packet that is counted. */
export function trafficPart(found: FoundTable | undefined, given: ReadonlySet<string>, whatFollows: string): Part {
  return {
    rules: { known: plainRules(whatFollows), ending: MASKED_RULES, flagged: MASKED_RULES },
    sets: new Map([
      [TRAFFIC_IN_SET, trafficSet(found, TRAFFIC_IN_SET, given)],
      [TRAFFIC_OUT_SET, trafficSet(found, TRAFFIC_OUT_SET, given)],
    ]),
  };
}
