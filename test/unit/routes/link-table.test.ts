import { beforeEach, describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { AddressMessage, LinkMessage } from '../../../src/core/netlink/link.ts';
import { type LinkState, LinkTable } from '../../../src/core/netlink/link-table.ts';

const link = (ifindex: number, name: string, up = true): LinkMessage => ({
  ifindex,
  name,
  up,
  enabled: true,
  mtu: 1500,
});
const address = (ifindex: number, text: string, secondary = false): AddressMessage => ({
  ifindex,
  address: ipv4(text),
  prefixLength: 24,
  secondary,
});

/** `up0#10 up 10.1.0.1/24`. */
function show(states: readonly LinkState[]): string[] {
  return states.map(({ name, ifindex, up, addresses }) => {
    const list = addresses.map((a) => ` ${formatIpv4(a.address)}/${a.prefixLength}`);
    return `${name}#${ifindex} ${up ? 'up' : 'down'}${list.join('')}`;
  });
}

describe('the link table', () => {
  let table: LinkTable;

  beforeEach(() => {
    table = new LinkTable();
    table.newLink(link(10, 'up0'));
    table.newAddress(address(10, '10.1.0.1'));
  });

  test('reports the whole link for every message about it', () => {
    expect(show(table.newAddress(address(10, '10.2.0.1')))).toEqual(['up0#10 up 10.1.0.1/24 10.2.0.1/24']);
    expect(show(table.newLink(link(10, 'up0', false)))).toEqual(['up0#10 down 10.1.0.1/24 10.2.0.1/24']);
    expect(show(table.deleteAddress(address(10, '10.1.0.1')))).toEqual(['up0#10 down 10.2.0.1/24']);
  });

  test('puts primary addresses first, and follows a secondary one that is promoted', () => {
    table.newAddress(address(10, '10.1.0.2', true));
    expect(show(table.newAddress(address(10, '10.2.0.1')))).toEqual(['up0#10 up 10.1.0.1/24 10.2.0.1/24 10.1.0.2/24']);
    table.deleteAddress(address(10, '10.1.0.1'));
    expect(show(table.newAddress(address(10, '10.1.0.2')))).toEqual(['up0#10 up 10.1.0.2/24 10.2.0.1/24']);
  });

  test('reports a link that went, or changed its name, as down and bare under its old name', () => {
    expect(show(table.newLink(link(10, 'wan0')))).toEqual(['up0#10 down', 'wan0#10 up 10.1.0.1/24']);
    expect(show(table.deleteLink(10))).toEqual(['wan0#10 down']);
    expect(table.deleteLink(10)).toEqual([]);
  });

  test('does not give a new link the addresses of the one that had its index', () => {
    table.deleteLink(10);
    expect(show(table.newLink(link(10, 'up1')))).toEqual(['up1#10 up']);
  });

  test('keeps an address that is heard of before its link', () => {
    expect(table.newAddress(address(11, '10.3.0.1'))).toEqual([]);
    expect(show(table.newLink(link(11, 'up1')))).toEqual(['up1#11 up 10.3.0.1/24']);
  });

  test('after a loss of messages reports what is gone and, changed or not, everything that is there', () => {
    table.newLink(link(11, 'up1'));
    const states = table.replaceAll([link(10, 'up0')], [address(10, '10.1.0.1')]);
    expect(show(states)).toEqual(['up1#11 down', 'up0#10 up 10.1.0.1/24']);
    expect([...table.snapshot().keys()]).toEqual(['up0']);
  });
});
