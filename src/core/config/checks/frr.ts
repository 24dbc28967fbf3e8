/**
 * What must hold where FRR speaks for us. A part of `checks/cross.ts`, with the same in and out.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { ClusterFile } from '../schema.ts';
import { type Complaint, entries, items, type Sound } from '../sound.ts';

type Routing = NonNullable<Sound<ClusterFile>['routing']>;
type Instance = NonNullable<NonNullable<Routing['instances']>[string]>;

export function* frrChecks({ routing }: Sound<ClusterFile>): Iterable<Complaint> {
  if (routing?.speaker === undefined) return;
  if (routing.speaker !== 'frr') {
    const message = `speaker ${routing.speaker} has no use for it`;
    if (routing.frr !== undefined) yield { path: ['routing', 'frr'], part: 'key', message, hint: 'speaker: frr has' };
    return;
  }
  for (const [name, instance] of entries(routing.instances)) {
    if (routing.frr?.announce !== 'stub') yield* stubAreas(name, instance);
    yield* importRules(name, instance);
  }
}

/** FRR announces VIPs in LSAs of their own (docs/adr/0037-frr-speaker.md), which stop at the border of a stub area. */
function* stubAreas(name: string, { area, announce }: Instance): Iterable<Complaint> {
  if (area?.type !== 'stub' || area.id === undefined || announce?.length === 0) return;
  const message = `FRR announces in LSAs of type 5, which stub area ${formatIpv4(area.id)} does not carry`;
  const path = ['routing', 'instances', name, 'area', 'type'];
  yield { path, part: 'value', message, hint: 'use nssa or normal, or frr: { announce: stub }' };
}

/** What FRR learns it puts into the kernel itself. */
function* importRules(name: string, { import: rules }: Instance): Iterable<Complaint> {
  for (const [index, rule] of items(rules)) {
    if (rule !== 'none' && rule.orLonger && rule.prefix?.length === 0) continue;
    const path = ['routing', 'instances', name, 'import', index];
    const message = 'FRR puts the routes that it learns into the kernel itself';
    yield {
      path,
      part: 'value',
      message,
      hint: 'filter there, with a distribute-list or "ip protocol ospf route-map"',
    };
  }
}
