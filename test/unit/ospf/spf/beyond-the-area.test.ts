/** Routes that lead out of the area: over its borders, and out of the AS. */
import { describe, expect, test } from 'vitest';
import { print, routerId, Topology, TWO_UPLINKS } from './topology.ts';

describe('over area borders', () => {
  const borders = `${TWO_UPLINKS}
    flags r1 B
    flags r2 B`;

  test('the cheapest border wins, equal ones share', () => {
    const area = new Topology(`${borders}
      summary r1 10.8.0.0/16 20
      summary r2 10.8.0.0/16 20
      summary r1 10.7.0.0/16 21
      summary r2 10.7.0.0/16 20
      summary r1 0.0.0.0/0 1`);
    const routes = print(area.solve('d1'));
    expect(routes).toContain('0.0.0.0/0 inter 11 via if0 10.1.0.2');
    expect(routes).toContain('10.7.0.0/16 inter 30 via if1 10.1.1.2');
    expect(routes).toContain('10.8.0.0/16 inter 30 via if0 10.1.0.2, if1 10.1.1.2');
  });

  test('a path within the area is preferred, whatever it costs', () => {
    const area = new Topology(`${borders}
      stub r2 10.8.0.0/16 50000
      summary r1 10.8.0.0/16 1`);
    expect(print(area.solve('d1'))).toContain('10.8.0.0/16 intra 50010 via if1 10.1.1.2');
  });

  test('LSInfinity, and a router that is no border router, say nothing', () => {
    const area = new Topology(`${borders}
      p2p r1 10.5.0.1 1 r3 10.5.0.2 1
      summary r1 10.8.0.0/16 16777215
      summary r3 10.7.0.0/16 1
      summary r8 10.6.0.0/16 1`);
    expect(print(area.solve('d1')).join()).not.toMatch(/10\.[678]\.0\.0/);
  });
});

describe('out of the AS', () => {
  const exits = `${TWO_UPLINKS}
    flags r1 E
    flags r2 E`;

  test('a type 1 metric adds to the way out', () => {
    const area = new Topology(`${exits}
      external r1 0.0.0.0/0 E1 5
      external r2 0.0.0.0/0 E1 4`);
    expect(print(area.solve('d1'))[0]).toBe('0.0.0.0/0 E1 14 via if1 10.1.1.2');
  });

  test('a type 2 metric decides alone; between equals the nearer exit, between equally near ones both', () => {
    const area = new Topology(`${exits}
      p2p r1 10.5.0.1 1 r3 10.5.0.2 1
      flags r3 E
      external r1 0.0.0.0/0 E2 10
      external r2 0.0.0.0/0 E2 10
      external r2 10.6.0.0/16 E2 10
      external r3 10.6.0.0/16 E2 10
      external r2 10.7.0.0/16 E2 10
      external r3 10.7.0.0/16 E2 9`);
    const routes = print(area.solve('d1'));
    expect(routes).toContain('10.6.0.0/16 E2 10 via if1 10.1.1.2');
    expect(routes).toContain('0.0.0.0/0 E2 10 via if0 10.1.0.2, if1 10.1.1.2');
    expect(routes).toContain('10.7.0.0/16 E2 9 via if0 10.1.0.2');
  });

  test('type 1 is preferred to type 2, and any route of the area to both', () => {
    const area = new Topology(`${exits}
      external r1 0.0.0.0/0 E2 1
      external r2 0.0.0.0/0 E1 1000
      external r1 172.16.0.0/16 E1 1`);
    const routes = print(area.solve('d1'));
    expect(routes).toContain('0.0.0.0/0 E1 1010 via if1 10.1.1.2');
    expect(routes).toContain('172.16.0.0/16 intra 13 via if0 10.1.0.2, if1 10.1.1.2');
  });

  test('LSInfinity, an exit that is not reachable and one that is no boundary router say nothing', () => {
    const area = new Topology(`${TWO_UPLINKS}
      flags r1 E
      external r1 10.6.0.0/16 E2 16777215
      external r2 10.7.0.0/16 E2 1
      external r9 10.8.0.0/16 E2 1`);
    expect(print(area.solve('d1')).join()).not.toMatch(/10\.[678]\.0\.0/);
  });

  test('an exit in another area is found over the border', () => {
    const area = new Topology(`${TWO_UPLINKS}
      flags r1 B
      asbr r1 r9 7
      external r9 0.0.0.0/0 E1 1`);
    const result = area.solve('d1');
    expect(print(result)[0]).toBe('0.0.0.0/0 E1 18 via if0 10.1.0.2');
    expect(result.reachable.has(routerId('r9'))).toBe(true);
  });

  test('a forwarding address is gone to by the route to it, directly on a network of ours', () => {
    const area = new Topology(`${exits}
      lan 10.2.0.0/24 r1 10.2.0.1 1 d1 10.2.0.11 10
      external r1 10.6.0.0/16 E2 1 via 10.2.0.99
      external r1 10.7.0.0/16 E1 1 via 10.9.0.77
      external r1 10.8.0.0/16 E2 1 via 192.0.2.1
      external r1 10.5.0.0/16 E2 1 via 10.2.0.11`);
    const routes = print(area.solve('d1'));
    expect(routes).toContain('10.6.0.0/16 E2 1 via if2 10.2.0.99');
    expect(routes).toContain('10.7.0.0/16 E1 16 via if0 10.1.0.2, if1 10.1.1.2, if2 10.2.0.1');
    expect(routes.join()).not.toMatch(/10\.[58]\.0\.0/);
  });

  test('a forwarding address is not resolved by another external route, nor by a prefix of ours', () => {
    const area = new Topology(`${exits}
      stub d1 203.0.113.10/32 1
      stub r1 203.0.113.0/24 1
      external r1 0.0.0.0/0 E2 1
      external r1 10.8.0.0/16 E2 1 via 192.0.2.1
      external r1 10.7.0.0/16 E2 1 via 203.0.113.10`);
    expect(print(area.solve('d1')).join()).not.toMatch(/10\.[78]\.0\.0/);
  });
});

describe('out of an NSSA and of a stub area', () => {
  const exits = `${TWO_UPLINKS}
    flags r1 B E
    flags r2 E`;

  test('type 7 LSAs lead out like type 5 ones; the border router’s default is one of them', () => {
    const area = new Topology(`${exits}
      nssa r1 0.0.0.0/0 E2 10
      nssa r2 10.6.0.0/16 E1 4
      nssa r2 10.7.0.0/16 E1 1 via 10.9.0.77`);
    const routes = print(area.solve('d1'));
    expect(routes).toContain('0.0.0.0/0 E2 10 via if0 10.1.0.2');
    expect(routes).toContain('10.6.0.0/16 E1 14 via if1 10.1.1.2');
    expect(routes).toContain('10.7.0.0/16 E1 16 via if0 10.1.0.2, if1 10.1.1.2');
  });

  test('a forwarding address of a type 7 LSA must be in the area; that of a type 5 one may be beyond it', () => {
    const area = new Topology(`${exits}
      summary r1 10.8.0.0/16 20
      nssa r2 10.6.0.0/16 E1 1 via 10.8.0.1
      external r2 10.7.0.0/16 E1 1 via 10.8.0.1`);
    const routes = print(area.solve('d1'));
    expect(routes).toContain('10.7.0.0/16 E1 31 via if0 10.1.0.2');
    expect(routes.join()).not.toContain('10.6.0.0/16');
  });

  test('what we announce as type 7 has no route', () => {
    const area = new Topology(`${exits}
      nssa d1 203.0.113.10/32 E1 10
      nssa r1 203.0.113.10/32 E1 10`);
    expect(print(area.solve('d1')).join()).not.toContain('203.0.113.10');
  });

  test('a border router’s type 3 default serves a stub area, and in an NSSA outranks a type 7 one', () => {
    const area = new Topology(`${exits}
      summary r1 0.0.0.0/0 1
      nssa r2 0.0.0.0/0 E1 1`);
    expect(print(area.solve('d1'))[0]).toBe('0.0.0.0/0 inter 11 via if0 10.1.0.2');
  });
});
