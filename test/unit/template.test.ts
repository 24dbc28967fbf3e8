import { describe, expect, test } from 'vitest';
import { renderTemplate } from '../../src/core/base/template.ts';

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
});
