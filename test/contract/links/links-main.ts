/** Runs the link control inside a namespace, by JSON lines. */
import { RtnetlinkLinks } from '../../../src/drivers/links/rtnetlink.ts';
import { serve } from '../dataplane/json-lines.ts';

const links = new RtnetlinkLinks();

serve({
  isEnabled: async ({ name }) => (await links.isEnabled(String(name))) ?? null,
  enable: ({ name, up }) => links.enable(String(name), up === true),
  defaultRoutes: () => links.defaultRoutes(),
});
