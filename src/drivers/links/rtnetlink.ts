/** Links of this network namespace, over rtnetlink. Nothing is remembered between calls. */
import { RT_TABLE_MAIN, RTM_GETROUTE, RTM_NEWLINK, RTN_UNICAST } from '../../core/netlink/codes.ts';
import { encodeLinkFlags, type LinkMessage } from '../../core/netlink/link.ts';
import { decodeRoute, encodeRouteDump } from '../../core/netlink/route.ts';
import { ROUTE_PROTOCOL } from '../../core/routes/kernel-route.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { readLinks } from '../../io/links.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';
import type { LinkControl } from './port.ts';

export class RtnetlinkLinks implements LinkControl {
  /** Opened by the first request. */
  readonly #netlink = new RtNetlink();

  async isEnabled(name: string): Promise<boolean | undefined> {
    return (await this.#find(name))?.enabled;
  }

  async enable(name: string, up: boolean): Promise<void> {
    const values = { interface: name, to: up ? 'up' : 'down' };
    const link = await this.#find(name);
    if (link === undefined) throw new KernelError('link-set', { ...values, errno: 'ENODEV' });
    if (link.enabled === up) return;
    await this.#netlink.request('link-set', RTM_NEWLINK, 0, encodeLinkFlags(link.ifindex, up), values);
  }

  async defaultRoutes(): Promise<readonly (readonly string[])[]> {
    const names = new Map((await readLinks(this.#netlink)).map(({ ifindex, name }) => [ifindex, name]));
    const parts = await this.#netlink.dump('route-dump', RTM_GETROUTE, encodeRouteDump());
    return parts.flatMap((part) => {
      const route = decodeRoute(part);
      if (route === undefined || route.prefix.length > 0 || route.table !== RT_TABLE_MAIN) return [];
      if (route.type !== RTN_UNICAST || route.protocol === ROUTE_PROTOCOL) return [];
      return [route.nextHops.map(({ ifindex }) => names.get(ifindex) ?? `if${ifindex}`)];
    });
  }

  close(): void {
    this.#netlink.close();
  }

  async #find(name: string): Promise<LinkMessage | undefined> {
    return (await readLinks(this.#netlink)).find((link) => link.name === name);
  }
}
