import { expect, test } from 'vitest';
import { circlesIn } from './circles.ts';
import { circles } from './rules.ts';
import { type Import, importsOf, importsOfFile, resolved, sources } from './sources.ts';

const files = [...sources('src'), ...sources('lab')].map((file) => [file, importsOfFile(file)] as const);

function graph(counts: (one: Import) => boolean): Map<string, string[]> {
  return new Map(
    files.map(([file, imports]) => {
      const relative = imports.filter((one) => one.specifier.startsWith('.') && counts(one));
      return [file, relative.map((one) => resolved(file, one))];
    }),
  );
}

function printed(found: readonly (readonly string[])[]): string[] {
  return found.map((circle) => circle.join(' <-> '));
}

test('files that import each other are few, and named with a reason', () => {
  const named = circles.filter(({ values }) => values).map((circle) => circle.files);
  expect(printed(circlesIn(graph(({ typesOnly }) => !typesOnly)))).toEqual(printed(named));
});

test('so are types that name each other', () => {
  expect(printed(circlesIn(graph(() => true)))).toEqual(printed(circles.map((circle) => circle.files)));
});

test('no circle of values crosses a folder', () => {
  const folders = circles
    .filter(({ values }) => values)
    .map((circle) => new Set(circle.files.map((file) => file.slice(0, file.lastIndexOf('/')))));
  expect(folders.filter(({ size }) => size > 1)).toEqual([]);
});

test('a circle is found wherever it is entered, and its neighbors are not taken for part of it', () => {
  const imports = new Map([
    ['start', ['a', 'lone']],
    ['a', ['b']],
    ['b', ['c', 'lone']],
    ['c', ['a']],
    ['lone', ['y']],
    ['y', ['z']],
    ['z', ['y', 'leaf']],
  ]);
  expect(circlesIn(imports)).toEqual([
    ['a', 'b', 'c'],
    ['y', 'z'],
  ]);
});

test('an import of types is told from one of values', () => {
  const typesOnly = (text: string) => importsOf(text).map((one) => one.typesOnly);
  expect(typesOnly("import type { A } from './a.ts';")).toEqual([true]);
  expect(typesOnly("import {\n  type A,\n  type B,\n} from './a.ts';")).toEqual([true]);
  expect(typesOnly("import { type A, b } from './a.ts';")).toEqual([false]);
  expect(typesOnly("import './a.ts';\nexport { b } from './b.ts';")).toEqual([false, false]);
});
