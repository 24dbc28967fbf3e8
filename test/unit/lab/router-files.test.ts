import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { ROUTER_FILES, renderRouterFile } from '../../../lab/topologies/routers.ts';
import { renderTemplate } from '../../../src/core/base/template.ts';

const upstream = join(projectRoot, 'frr-templates/upstream');

describe('templates', () => {
  test('a section is repeated per item, whose variables come first', () => {
    const template = 'at {{host}}\n{{#links}}\n{{host}}/{{name}}\n{{/links}}\nend\n';
    const links = [{ name: 'a' }, { name: 'b', host: 'own' }];
    expect(renderTemplate(template, { host: 'r1', links })).toBe('at r1\nr1/a\nown/b\nend\n');
  });

  test('a section may hold others, repeated by lists of the item', () => {
    const template = '{{#links}}\n{{name}}\n{{#keys}}\n {{name}} {{id}}\n{{/keys}}\n!\n{{/links}}\n';
    const links = [
      { name: 'a', keys: [{ id: 1 }, { id: 2 }] },
      { name: 'b', keys: [] },
    ];
    expect(renderTemplate(template, { links })).toBe('a\n a 1\n a 2\n!\nb\n!\n');
  });

  test('a missing variable is named', () => {
    expect(() => renderTemplate('{{nothing}}', {})).toThrow(/nothing/);
    expect(() => renderTemplate('{{#none}}\n{{/none}}\n', {})).toThrow(/none/);
  });

  test.each(['frr.conf.template', 'bird.conf.template'])('the README lists every variable of %s', (name) => {
    const readme = readFileSync(join(upstream, 'README.md'), 'utf8');
    const template = readFileSync(join(upstream, name), 'utf8');
    for (const [, variable] of template.matchAll(/\{\{#?(\w+)\}\}/g)) {
      expect(readme).toMatch(new RegExp(`\`(\\w+\\.)?${variable}\``));
    }
  });
});

// They are bound as finished files; `node dist/lab/topologies/routers.js` writes them anew.
test.each(ROUTER_FILES)('$file is what the template gives', async (router) => {
  const file = join(projectRoot, 'lab/topologies', router.file);
  expect(readFileSync(file, 'utf8')).toBe(await renderRouterFile(router));
});
