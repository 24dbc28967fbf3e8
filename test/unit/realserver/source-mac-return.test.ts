import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { sourceMacReturnRules } from '../../../src/core/realserver/source-mac-return.ts';

const directors = [
  { name: 'd1', mac: '02:00:00:00:00:D1', insideAddress: ipv4('10.2.0.11') },
  { name: 'd2', mac: '02:00:00:00:00:d2', insideAddress: ipv4('10.2.0.12') },
];

describe('return by source MAC', () => {
  test('the whole text for two directors', () => {
    const rules = sourceMacReturnRules({ interface: 'eth1', directors, servers: [ipv4('10.2.0.21')] });
    expect(rules.nft).toBe(`table ip sluice_return_v1 {
}
delete table ip sluice_return_v1
table ip sluice_return_v1 {
  map directors {
    typeof ether saddr : ct mark
    elements = { 02:00:00:00:00:d1 : 1, 02:00:00:00:00:d2 : 2 }
  }
  set interfaces {
    typeof iifname
    elements = { "eth1" }
  }
  set servers {
    typeof ip daddr
    elements = { 10.2.0.21 }
  }
  chain prerouting {
    type filter hook prerouting priority -150; policy accept;
    iifname @interfaces ip daddr @servers ct direction original ct mark set ether saddr map @directors comment "sluice return in"
  }
  chain output {
    type route hook output priority -150; policy accept;
    ct direction reply ct mark != 0 meta mark set ct mark comment "sluice return out"
  }
}
`);
    expect(rules.commands.map((argv) => argv.join(' '))).toEqual([
      'sysctl -q -w net/ipv4/conf/eth1/rp_filter=2',
      'ip route replace default via 10.2.0.11 dev eth1 metric 60000',
      'ip route replace default via 10.2.0.11 dev eth1 table 101',
      'ip rule add fwmark 1 lookup 101',
      'ip route replace default via 10.2.0.12 dev eth1 table 102',
      'ip rule add fwmark 2 lookup 102',
    ]);
  });

  test('without servers every connection from a director is marked', () => {
    const { nft } = sourceMacReturnRules({ interface: 'eth1', directors });
    expect(nft).toContain('iifname @interfaces ct direction original ct mark set ether saddr');
  });

  test('what nft would misread is refused, with the name of the director', () => {
    const broken = [{ name: 'd7', mac: '02:00:00:00:00', insideAddress: ipv4('10.2.0.17') }];
    expect(() => sourceMacReturnRules({ interface: 'eth1', directors: broken })).toThrow(/d7.*02:00:00:00:00/);
    expect(() => sourceMacReturnRules({ interface: 'a"; drop', directors })).toThrow(/interface/);
    expect(() => sourceMacReturnRules({ interface: 'eth1', directors: [] })).toThrow(/no director/);
  });
});
