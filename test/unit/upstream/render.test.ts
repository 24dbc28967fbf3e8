/** Every vendor's text for every case, against the files of test/golden/upstream; `npx vitest run -u` on this file writes them anew. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { reasonedSettings } from '../../../src/core/upstream/reasons.ts';
import { renderUpstream, type Target, TEMPLATES } from '../../../src/core/upstream/render.ts';
import type { UpstreamSettings } from '../../../src/core/upstream/settings.ts';
import { VENDORS } from '../../../src/core/upstream/words.ts';
import { CASES, settingsOf } from './cases.ts';

const folder = join(projectRoot, 'frr-templates/upstream');

function template(vendor: Target['vendor']): string {
  return readFileSync(join(folder, TEMPLATES[vendor]), 'utf8');
}

function render(target: Target, settings: UpstreamSettings) {
  return renderUpstream(target, settings, template(target.vendor));
}

describe.each(VENDORS)('%s', (vendor) => {
  test.each(CASES)('$name', async (one) => {
    const rendered = render({ vendor }, settingsOf(one));
    expect(rendered).toHaveProperty('text');
    if (!('text' in rendered)) return;
    await expect(rendered.text).toMatchFileSnapshot(join(projectRoot, `test/golden/upstream/${one.name}.${vendor}`));
  });

  test('the template names the source of its syntax', () => {
    expect(template(vendor)).toMatch(/^\S* ?Syntax.*: ./m);
  });
});

test('the README lists every variable of every template', () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const names = VENDORS.flatMap((vendor) => [...template(vendor).matchAll(/\{\{#?(\w+)\}\}/g)].map(([, name]) => name));
  const listed = (name: string) => name.startsWith('why') || new RegExp(`\`(\\w+\\.)?${name}\``).test(readme);
  expect([...new Set(names)].filter((name) => !listed(name!))).toEqual([]);
  expect(readdirSync(folder).filter((name) => name !== 'README.md')).toEqual([...VENDORS].sort());
});

test('FRR 8.4 is told of an NSSA and its default route in the one way that it knows', () => {
  const [nssa] = CASES.filter(({ name }) => name === 'nssa-hmac');
  const settings = { ...settingsOf(nssa!), links: [] };
  expect(render({ vendor: 'frr', release: 8.4 }, settings)).toEqual({
    text: expect.stringContaining(' area 0.0.0.1 nssa no-summary\n'),
  });
});

test('what a vendor has no words for is said, not left out', () => {
  const [p2p] = CASES.filter(({ name }) => name === 'p2p');
  const settings = settingsOf(p2p!);
  const fast = { ...settings, links: settings.links.map((link) => ({ ...link, hello: 250, dead: 1000 })) };
  expect(render({ vendor: 'frr' }, fast)).toEqual({ text: expect.stringContaining('minimal hello-multiplier 4') });
  expect(render({ vendor: 'junos' }, fast)).toEqual({
    faults: ['Junos sends no more than one hello a second, and the cluster file asks for one in 250 ms'],
  });
  const [hmac] = CASES.filter(({ name }) => name === 'nssa-hmac');
  expect(render({ vendor: 'frr', release: 8.4 }, settingsOf(hmac!))).toEqual({
    faults: ['FRR 8.4 does not know hmac-sha-256 in OSPF'],
  });
  const meshed = { ...settings, links: settings.links.map((link) => ({ ...link, network: 'nbma' as const })) };
  expect(render({ vendor: 'eos' }, meshed)).toEqual({ faults: ['Arista EOS has no network type nbma'] });
});

test('a router for FRR directors takes two instances of an LSA within a second', () => {
  const [p2p] = CASES.filter(({ name }) => name === 'p2p');
  const [frr] = CASES.filter(({ name }) => name === 'speaker-frr');
  const settings = settingsOf(frr!);
  expect(render({ vendor: 'frr' }, settings)).toEqual({
    text: expect.stringContaining('\n timers lsa min-arrival 0\n'),
  });
  expect(reasonedSettings(settings).map(({ setting }) => setting)).toContain('LSA arrival wait');
  expect(reasonedSettings(settingsOf(p2p!)).map(({ setting }) => setting)).not.toContain('LSA arrival wait');
});

test('settings are told with their reasons, and no secret', () => {
  const [lan] = CASES.filter(({ name }) => name === 'lan-md5-bfd');
  const told = reasonedSettings(settingsOf(lan!));
  expect(told.find(({ setting }) => setting === 'eth2 authentication')?.value).toBe('md5, key 1');
  expect(told.every(({ reason }) => reason.length > 20 && !reason.includes('\n'))).toBe(true);
});
