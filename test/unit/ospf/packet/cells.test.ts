/** Packets of real routers beyond the plain link: authenticated, of stub areas and NSSAs, on other kinds of networks. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LsType } from '../../../../src/core/ospf/codes.ts';
import { decodePacket, encodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import { parseVectors } from '../../../vectors/ospf/captured.ts';
import { CELLS, nameOfCell, sealOf, verifierOf } from '../../../vectors/ospf/cells.ts';
import { fieldsOf } from '../../../vectors/ospf/fields.ts';
import { toHex } from '../../../vectors/ospf/handmade.ts';

const FOLDER = join(import.meta.dirname, '../../../vectors/ospf/cells');
const RECORDED = CELLS.map((cell) => ({
  name: nameOfCell(cell),
  cell,
  vectors: parseVectors(readFileSync(join(FOLDER, `${nameOfCell(cell)}.txt`), 'utf8')),
}));

test('every file is of a cell, and type 7 LSAs and a Grace-LSA are among them', () => {
  expect(readdirSync(FOLDER).toSorted()).toEqual(CELLS.map((cell) => `${nameOfCell(cell)}.txt`).toSorted());
  const types = RECORDED.flatMap(({ cell, vectors }) =>
    vectors.flatMap(({ bytes }) => {
      const { body } = decodePacket(bytes, verifierOf(cell));
      return body.kind === 'lsUpdate' ? body.lsas.map(({ header }) => header.type) : [];
    }),
  );
  expect(types).toContain(LsType.nssa);
  expect(types).toContain(LsType.opaqueLink);
});

describe.each(RECORDED)('$name', ({ cell, vectors }) => {
  test.each(vectors.map((vector) => [vector.title, vector] as const))(
    '%s: decodes to what tshark reads, and encodes to the same bytes, digest included',
    (_, { bytes, fields }) => {
      const packet = decodePacket(bytes, verifierOf(cell));
      expect(fieldsOf(packet)).toEqual(fields);
      const again = encodePacket(packet, sealOf(cell, bytes));
      expect(toHex(again)).toBe(toHex(bytes.subarray(0, again.length)));
    },
  );
});
