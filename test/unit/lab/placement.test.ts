import { describe, expect, test } from 'vitest';
import { compare, parseProbe, place, probeRuleset, shares } from '../../../lab/traffic/placement.ts';

// What `nft list table ip sl_probe` prints (nft 1.0.6).
const LISTING = `table ip sl_probe {
	counter opened {
		packets 1203 bytes 72180
	}

	set seen {
		type ipv4_addr . inet_service
		size 65535
		flags dynamic,timeout
		timeout 1m
		elements = { 198.51.100.1 . 10000 expires 59s996ms,
			     198.51.100.2 . 10001 timeout 1m expires 8ms, 198.51.100.3 . 10002 expires 1m }
	}

	chain watch {
		type filter hook prerouting priority -350; policy accept;
		ip daddr 203.0.113.10 tcp flags syn / syn,ack counter name "opened"
		ip daddr 203.0.113.10 tcp sport 10000-19999 update @seen { ip saddr . tcp sport }
	}
}`;

describe('a probe listing', () => {
  test('gives the age of each flow and the number of SYNs', () => {
    const { seen, opened } = parseProbe(LISTING);
    expect([...seen]).toEqual([
      ['198.51.100.1:10000', 4],
      ['198.51.100.2:10001', 59_992],
      ['198.51.100.3:10002', 0],
    ]);
    expect(opened).toBe(1203);
  });

  test('of a fresh table is empty', () => {
    expect(parseProbe('table ip sl_probe {\n\tcounter opened {\n\t\tpackets 0 bytes 0\n\t}\n}')).toEqual({
      seen: new Map(),
      opened: 0,
    });
  });

  test('the table only looks', () => {
    expect(probeRuleset('203.0.113.10')).not.toMatch(/drop|reject|nat|mark/);
  });
});

test('a flow belongs to the director that saw its newest packet', () => {
  const placement = place(
    new Map([
      [
        'd1',
        new Map([
          ['a', 10],
          ['b', 5000],
        ]),
      ],
      [
        'd2',
        new Map([
          ['a', 4000],
          ['b', 150],
        ]),
      ],
    ]),
  );
  expect(Object.fromEntries(placement)).toEqual({ a: 'd1', b: 'd2' });
});

describe('moves', () => {
  const before = new Map([
    ['a', 'd1'],
    ['b', 'd2'],
    ['c', 'd2'],
    ['gone', 'd2'],
  ]);
  const after = new Map([
    ['a', 'd3'],
    ['b', 'd1'],
    ['c', 'd2'],
    ['new', 'd1'],
  ]);

  test('count only flows that are in both, and tell survivors from the dead', () => {
    expect(compare(before, after, ['a', 'b', 'c', 'gone', 'new'], new Set(['d2']))).toEqual({
      compared: 3,
      moved: 2,
      movedFromSurvivors: 1,
    });
  });

  test('count only the flows named', () => {
    expect(compare(before, after, ['c'], new Set())).toEqual({ compared: 1, moved: 0, movedFromSurvivors: 0 });
  });
});

test('shares are of what came between two readings', () => {
  const reading = (opened: number) => ({ seen: new Map(), opened });
  const before = new Map([
    ['d1', reading(1000)],
    ['d2', reading(50)],
  ]);
  const after = new Map([
    ['d1', reading(1030)],
    ['d2', reading(60)],
    ['d3', reading(60)],
  ]);
  expect(Object.fromEntries(shares(before, after))).toEqual({ d1: 30, d2: 10, d3: 60 });
  expect([...shares(after, after).values()]).toEqual([0, 0, 0]);
});
