/**
 * Operations to text: for nft (`transactionSteps`, one atomic transaction for `nft -f -`) and for people (`describe`).
 *
 * Text and not JSON, because nft's JSON cannot declare a map by `typeof`. nft is particular: an empty `elements = { }` is a
 * syntax error, and so is a `}` right after a statement without a newline.
 */

import { STEP, type Steps } from '../../base/steps.ts';
import { tableFamily } from '../names.ts';
import type { Operation } from '../plan.ts';
import { policyText } from '../rules/timeout-policies.ts';
import type { BaseChain, TimeoutPolicy } from '../ruleset.ts';
import { linkElement, plainStamp, ruleText, setStamp } from '../ruleset.ts';

/** Family and name, as everything that is in a table is addressed. */
function tableText(table: string): string {
  return `${tableFamily(table)} ${table}`;
}

function chainText(base: BaseChain | undefined): string {
  if (base === undefined) return '';
  const device = base.device === undefined ? '' : ` device ${linkElement(base.device)}`;
  return ` { type ${base.type} hook ${base.hook}${device} priority ${base.priority}; policy accept; }`;
}

function declarationText({ set, declaration }: Extract<Operation, { kind: 'add-set' }>): string {
  return `${declaration}; comment "${setStamp({ kind: set, declaration })}";`;
}

function timeoutText(policy: TimeoutPolicy): string {
  return `protocol ${policy.protocol}; l3proto ip; policy = { ${policyText(policy)} };`;
}

function elementText([element, data]: readonly [element: string, data: string]): string {
  return data === '' ? element : `${element} : ${data}`;
}

/** Pieces of lines. */
function* elementsText(operation: Extract<Operation, { kind: 'elements' }>): Generator<string> {
  const { name, remove, add } = operation;
  const at = `element ${tableText(operation.table)} ${name}`;
  if (remove.length > 0) yield* listText(`delete ${at}`, remove, (element) => element);
  if (add.size > 0) yield* listText(`add ${at}`, add, elementText);
}

function* listText<T>(head: string, entries: Iterable<T>, text: (entry: T) => string): Generator<string> {
  yield `${head} { `;
  let some: string[] = [];
  let separator = '';
  for (const entry of entries) {
    some.push(text(entry));
    if (some.length < STEP) continue;
    yield separator + some.join(', ');
    some = [];
    separator = ', ';
  }
  if (some.length > 0) yield separator + some.join(', ');
  yield ' }\n';
}

function statements(operation: Exclude<Operation, { kind: 'elements' }>): readonly string[] {
  const at = tableText(operation.table);
  switch (operation.kind) {
    case 'add-table':
      return [`add table ${at}`];
    case 'delete-table':
      return [`delete table ${at}`];
    case 'add-counter':
      return [`add counter ${at} ${operation.name}`];
    case 'delete-counter':
      return [`delete counter ${at} ${operation.name}`];
    case 'add-timeout':
      return [`add ct timeout ${at} ${operation.name} { ${timeoutText(operation.policy)} }`];
    case 'delete-timeout':
      return [`delete ct timeout ${at} ${operation.name}`];
    case 'add-set':
      return [`add ${operation.set} ${at} ${operation.name} { ${declarationText(operation)} }`];
    case 'delete-set':
      return [`delete ${operation.set} ${at} ${operation.name}`];
    case 'add-chain':
      return [`add chain ${at} ${operation.name}${chainText(operation.base)}`];
    case 'flush-chain':
      return [`flush chain ${at} ${operation.name}`];
    case 'delete-chain':
      return [`flush chain ${at} ${operation.name}`, `delete chain ${at} ${operation.name}`];
    case 'set-rules':
      return [
        `flush chain ${at} ${operation.name}`,
        ...operation.rules.map(
          (rule) => `add rule ${at} ${operation.name} ${ruleText(rule)} comment "${plainStamp(rule)}"`,
        ),
      ];
  }
}

/** The text for one `nft -f -`, in pieces: the kernel takes all of it or nothing. Yields after each piece. */
export function* transactionSteps(operations: readonly Operation[]): Steps<readonly string[]> {
  const pieces: string[] = [];
  for (const operation of operations) {
    const texts =
      operation.kind === 'elements' ? elementsText(operation) : statements(operation).map((line) => `${line}\n`);
    for (const text of texts) {
      pieces.push(text);
      yield;
    }
  }
  return pieces;
}

/** Elements named in full up to this many; else only their number. */
const SHOWN_ELEMENTS = 4;

function describeElements({ size, remove, add }: Extract<Operation, { kind: 'elements' }>): string {
  const parts: string[] = [];
  if (add.size > 0) parts.push(`write ${add.size} of ${size} elements${few(add.size, add, elementText)}`);
  const gone = remove.filter((element) => !add.has(element));
  if (gone.length > 0) parts.push(`remove ${gone.length} elements${few(gone.length, gone, (element) => element)}`);
  return parts.join(', ');
}

function few<T>(count: number, entries: Iterable<T>, text: (entry: T) => string): string {
  return count <= SHOWN_ELEMENTS ? ` (${Array.from(entries, text).join(', ')})` : '';
}

/** One line per operation, e.g. `sluice_v1 slots_web: write 585 of 4099 elements`. */
export function describe(operation: Operation): string {
  const { table } = operation;
  switch (operation.kind) {
    case 'add-table':
      return `${table}: add table`;
    case 'delete-table':
      return `${table}: delete table`;
    case 'add-set':
      return `${table} ${operation.name}: add ${operation.set}`;
    case 'delete-set':
      return `${table} ${operation.name}: delete ${operation.set}`;
    case 'set-rules':
      return `${table} ${operation.name}: write ${operation.rules.length} rules`;
    case 'elements':
      return `${table} ${operation.name}: ${describeElements(operation)}`;
    default:
      return `${table} ${operation.name}: ${operation.kind.replace('-', ' ')}`;
  }
}
