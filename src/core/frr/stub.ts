/**
 * Stub links of FRR: addresses of an interface of ours in the instance's area, on which OSPF is not spoken.
 *
 * In: an instance and its prefixes. Out: the lines of its interface, and from such lines the prefixes again. Each address has a cost
 * of its own (`ip ospf cost N ADDRESS`), which is the metric of its stub link.
 */
import { formatIpv4, formatPrefix, parsePrefix } from '../base/ipv4.ts';
import { stubInterface } from './config.ts';
import type { FrrPrefix, InstanceWish } from './instance.ts';

/** The interface's lines; undefined when no prefix of the instance is a stub link. */
export function stubLines({
  process,
  area,
  prefixes,
}: InstanceWish): readonly [string, ReadonlySet<string>] | undefined {
  const stubs = prefixes.filter(({ lsa }) => lsa.kind === 'stub');
  if (stubs.length === 0) return undefined;
  const number = process === '' ? '' : ` ${process}`;
  const lines = new Set([`ip ospf${number} area ${formatIpv4(area)}`, 'ip ospf passive']);
  for (const { prefix, metric } of stubs) {
    lines.add(`ip ospf cost ${metric} ${formatIpv4(prefix.address)}`);
    lines.add(`ip address ${formatPrefix(prefix)}`);
  }
  return [stubInterface(process), lines];
}

/** What these lines announce. */
export function stubsIn(lines: ReadonlySet<string>): FrrPrefix[] {
  const costs = new Map<string, number>();
  for (const line of lines) {
    const [, cost, address] = COST.exec(line) ?? [];
    if (address !== undefined) costs.set(address, Number(cost));
  }
  return [...lines].flatMap((line): FrrPrefix[] => {
    const prefix = parsePrefix(ADDRESS.exec(line)?.[1] ?? '');
    const metric = prefix && costs.get(formatIpv4(prefix.address));
    return prefix === undefined || metric === undefined ? [] : [{ prefix, metric, lsa: { kind: 'stub' } }];
  });
}

/** From the lines that are there to those that should be; an address comes after all that says how it is announced, and goes before. */
export function stubChanges(wanted: ReadonlySet<string>, present: ReadonlySet<string>): string[] {
  const coming = [...wanted].filter((line) => !present.has(line));
  const replaced = new Set(coming.flatMap((line) => COST.exec(line)?.[2] ?? []));
  const going = [...present].filter((line) => !wanted.has(line) && !replaced.has(COST.exec(line)?.[2] ?? ''));
  const isAddress = (line: string) => ADDRESS.test(line);
  return [
    ...going.filter(isAddress).map(negated),
    ...going.filter((line) => !isAddress(line)).map(negated),
    ...coming.filter((line) => !isAddress(line)),
    ...coming.filter(isAddress),
  ];
}

function negated(line: string): string {
  return `no ${line}`;
}

const COST = /^ip ospf cost (\d+) (\S+)$/;
const ADDRESS = /^ip address (\S+)/;
