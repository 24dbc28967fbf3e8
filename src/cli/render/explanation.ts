/** `sluice explain`: one fact per line. */
import type { ExplanationDocument } from '../../api/documents.ts';
import { duration } from './text.ts';

export function renderExplanation(document: ExplanationDocument): string {
  const { client, destination, director, service, why } = document;
  const facts: (readonly [name: string, value: string | undefined])[] = [
    ['flow', `${client} -> ${destination} on ${director}`],
    ['service', service === null ? 'none' : serviceText(document)],
    ['scheduler', document.scheduler ?? undefined],
    ['slot', slotText(document)],
    ['persistence', persistenceText(document)],
    ['server', service === null ? undefined : serverText(document)],
    ['seen as', document.source === null ? undefined : sourceText(document.source)],
    ['why', why],
  ];
  const said = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  const width = Math.max(...said.map(([name]) => name.length));
  return said.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function serviceText({ service, protocol, fwmark, programmed }: ExplanationDocument): string {
  const by = fwmark === null ? protocol : `fwmark ${fwmark}`;
  return `${service} (${by})${programmed ? '' : ': not in the kernel'}`;
}

function slotText({ slot, owner }: ExplanationDocument): string | undefined {
  if (slot === null) return undefined;
  return `${slot.number} of ${slot.of}${owner === null ? '' : ` (${owner})`}`;
}

function persistenceText({ persistence }: ExplanationDocument): string | undefined {
  if (persistence === null) return undefined;
  return `${persistence.server ?? persistence.address}, for ${duration(persistence.expiresIn)} more`;
}

function serverText({ server }: ExplanationDocument): string {
  return server === null ? 'none' : `${server.name} (${server.address}:${server.port})`;
}

function sourceText({ address, port }: NonNullable<ExplanationDocument['source']>): string {
  return `${address}:${port}, unless another flow to this server has it: then the next one that is free`;
}
