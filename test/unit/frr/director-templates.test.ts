/** The director's FRR configuration, rendered; test/contract/routing/frr-templates.test.ts loads the same files into real FRRs. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { renderTemplate, type TemplateVariables } from '../../../src/core/base/template.ts';
import { parseRunningConfig } from '../../../src/core/frr/config.ts';
import { plan } from '../../../src/core/frr/plan.ts';
import { numbersIn, wishedObjects } from '../../../src/core/frr/wish.ts';

const FOLDER = new URL('../../../frr-templates/director/', import.meta.url);

function template(name: string): string {
  return readFileSync(new URL(`${name}.conf.template`, FOLDER), 'utf8');
}

const LINK = {
  ...{ interface: 'eth1', network: 'point-to-point', cost: 10, hello: 1, dead: 4, priority: 0 },
  ...{ minimal: [], password: [], md5: [], hmac: [] },
};
const BASE = {
  ...{ hostname: 'd1', routerId: '10.255.0.1', process: '', area: '0.0.0.0', areaType: [], links: [LINK], passive: [] },
  ...{ interval: 50, multiplier: 3, instance: 'outside', forms: [], vips: [] },
};
const FORM = { clause: 1, tag: 1_392_508_929, metric: 10, metricType: 1, external: [] };
const VIPS = {
  forms: [
    FORM,
    { ...FORM, clause: 2, tag: 1_392_508_930, metric: 60_010, metricType: 2, external: [{ externalTag: 7 }] },
  ],
  vips: [
    { address: '203.0.113.10', tag: 1_392_508_929 },
    { address: '203.0.113.11', tag: 1_392_508_930 },
  ],
};

/** Name of the golden file -> its parts and what is different from the usual. */
const CASES: Readonly<Record<string, { readonly parts: readonly string[]; readonly variables: TemplateVariables }>> = {
  plain: { parts: ['base', 'areas', 'vips'], variables: { ...BASE, ...VIPS } },
  lan: {
    parts: ['base', 'areas', 'authentication', 'bfd', 'graceful-restart'],
    variables: {
      ...BASE,
      links: [{ ...LINK, network: 'broadcast', md5: [{ keyId: 1, key: 's3cret' }] }],
      passive: [{ interface: 'lo' }],
    },
  },
  nssa: {
    parts: ['base', 'areas', 'authentication'],
    variables: {
      ...{ ...BASE, area: '0.0.0.7', areaType: [{ type: 'nssa' }] },
      links: [{ ...LINK, minimal: [{ multiplier: 4 }], password: [{ key: 'dl-s3cr' }] }],
    },
  },
  quagga: {
    parts: ['quagga', 'vips'],
    variables: {
      ...{ ...BASE, ...VIPS, networks: [{ network: '10.1.0.0/24' }], passive: [{ interface: 'lo' }] },
    },
  },
  'hmac-10': {
    parts: ['base', 'areas', 'authentication'],
    variables: { ...BASE, links: [{ ...LINK, hmac: [{ keyId: 1, key: 's3cret', algorithm: 'hmac-sha-256' }] }] },
  },
};

function rendered(name: string): string {
  const { parts, variables } = CASES[name]!;
  return parts.map((part) => renderTemplate(template(part), variables)).join('');
}

describe.each(Object.keys(CASES))('%s', (name) => {
  test('is as it was reviewed', async () => {
    await expect(rendered(name)).toMatchFileSnapshot(`../../golden/director/${name}.conf`);
  });
});

test('what nobody has checked says so, before all else', () => {
  expect(rendered('quagga')).toMatch(/^! NOT CHECKED against a running Quagga/);
});

test('what the template of the VIPs makes is what the agent would make', () => {
  const config = parseRunningConfig(rendered('plain'));
  const lsa = (metricType: 1 | 2, tag: number) => ({ kind: 'external', metricType, tag }) as const;
  const prefixes = [
    { prefix: { address: 0xcb00710a, length: 32 }, metric: 10, lsa: lsa(1, 0) },
    { prefix: { address: 0xcb00710b, length: 32 }, metric: 60_010, lsa: lsa(2, 7) },
  ];
  const { objects } = wishedObjects(
    [{ name: 'outside', process: '', area: 0, prefixes }],
    numbersIn(config, ['outside']),
  );
  expect(plan(objects, config)).toEqual({ blocks: [], problems: [] });
});

test('the README lists every variable', () => {
  const readme = readFileSync(new URL('README.md', FOLDER), 'utf8');
  const names = ['base', 'areas', 'authentication', 'bfd', 'graceful-restart', 'vips', 'quagga'].flatMap((part) =>
    [...template(part).matchAll(/\{\{[#]?(\w+)\}\}/g)].map(([, variable]) => variable!),
  );
  expect([...new Set(names)].filter((variable) => !new RegExp(`[\`.]${variable}\``).test(readme))).toEqual([]);
});
