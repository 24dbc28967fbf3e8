import fc from 'fast-check';
import { expect, test } from 'vitest';
import { serviceNames } from '../../../src/core/dataplane/names.ts';
import { anyUnit } from '../../text.ts';

test('common names stay readable', () => {
  expect(serviceNames('web-1.eu')).toEqual({
    chain: 'service_web-1.eu',
    slots: 'slots_web-1.eu',
    servers: 'servers_web-1.eu',
    errors: 'errors_web-1.eu',
    flows: 'flows_web-1.eu',
    down: 'down_web-1.eu',
    newConnections: 'new_web-1.eu',
    misses: 'miss_web-1.eu',
    clients: 'clients_web-1.eu',
    refresh: 'refresh_web-1.eu',
    full: 'full_web-1.eu',
  });
});

const anyText = fc.string({ unit: anyUnit });

test('any two service names give two names, and nothing that nft could misread', () => {
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      const [x, y] = [serviceNames(a).chain, serviceNames(b).chain];
      expect(x).toMatch(/^[A-Za-z][A-Za-z0-9_.-]*$/);
      expect(x === y).toBe(a === b);
    }),
    { seed: 3, numRuns: 50 },
  );
});
