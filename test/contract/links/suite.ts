/** What every link control must do, whoever holds the links. There are `up0` and `up1`, both down, and no default route. */
import { expect, test } from 'vitest';
import type { LinkControl } from '../../../src/drivers/links/port.ts';

export interface LinkWorld {
  readonly control: LinkControl;
  /** Somebody else's default route; its links must be up. */
  addDefaultRoute(metric: number, links: readonly string[]): void;
}

export function linkContract(world: () => LinkWorld): void {
  test('a link is as it was set; setting it again does nothing', async () => {
    const { control } = world();
    expect(await control.isEnabled('up0')).toBe(false);
    for (const up of [true, true, false, false, true]) {
      await control.enable('up0', up);
      expect(await control.isEnabled('up0')).toBe(up);
    }
    expect(await control.isEnabled('up1')).toBe(false);
  });

  test('a link that does not exist', async () => {
    const { control } = world();
    expect(await control.isEnabled('nosuch')).toBeUndefined();
    await expect(control.enable('nosuch', true)).rejects.toThrow(/link-set.*nosuch.*ENODEV/);
  });

  test('default routes that lead somewhere, each with its links; those of a link that goes down are gone', async () => {
    const { control, addDefaultRoute } = world();
    expect(await control.defaultRoutes()).toEqual([]);
    for (const name of ['up0', 'up1']) await control.enable(name, true);
    addDefaultRoute(10, ['up0']);
    addDefaultRoute(20, ['up0', 'up1']);
    addDefaultRoute(30, ['up1']);
    expect(await control.defaultRoutes()).toEqual([['up0'], ['up0', 'up1'], ['up1']]);
    await control.enable('up0', false);
    expect((await control.defaultRoutes()).at(-1)).toEqual(['up1']);
    expect(await control.defaultRoutes()).not.toContainEqual(['up0']);
  });
}
