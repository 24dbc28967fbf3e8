/** A variable's value, or a list whose items repeat a section; an item may hold lists of its own. */
export type TemplateValue = string | number | readonly TemplateVariables[];
export interface TemplateVariables {
  readonly [name: string]: TemplateValue;
}

const SECTION = /^\{\{#(\w+)\}\}\n([\s\S]*?)^\{\{\/\1\}\}\n/gm;
const VARIABLE = /\{\{(\w+)\}\}/g;

/**
 * Fills a template of `frr-templates/`: `{{name}}` becomes the variable; the lines between `{{#list}}` and `{{/list}}`
 * (each alone on its line) are repeated per item, whose own variables come before the outer ones; sections of other names
 * may stand in them. Throws an Error that names the variable when one is missing or is of the other kind.
 */
export function renderTemplate(template: string, variables: TemplateVariables): string {
  const sections = template.replaceAll(SECTION, (_, name: string, body: string) => {
    const items = variables[name];
    if (!Array.isArray(items)) throw new Error(`template: {{#${name}}} needs a list`);
    return items.map((item) => renderTemplate(body, { ...variables, ...item })).join('');
  });
  return fill(sections, variables);
}

function fill(text: string, variables: TemplateVariables): string {
  return text.replaceAll(VARIABLE, (_, name: string) => {
    const value = variables[name];
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    throw new Error(`template: no value for {{${name}}}`);
  });
}
