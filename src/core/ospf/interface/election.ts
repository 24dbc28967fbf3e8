/**
 * Election of the Designated Router and its Backup (RFC 2328 9.4). Pure: candidates in, result out.
 * OSPFv2 names DR and BDR by interface address; ties are broken by router id.
 */
import type { Ipv4 } from '../../base/ipv4.ts';

export interface Candidate {
  readonly routerId: Ipv4;
  readonly address: Ipv4;
  readonly priority: number;
  /** Whom its last Hello named. */
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
}

export interface ElectionResult {
  /** 0 when there is none. */
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
  readonly role: 'dr' | 'backup' | 'drOther';
}

/**
 * `self` declares itself DR or BDR when the interface's present DR or BDR is its own address; `neighbors` are those in
 * state 2-Way or better.
 */
export function electDesignatedRouter(self: Candidate, neighbors: readonly Candidate[]): ElectionResult {
  const first = elect([self, ...neighbors]);
  const before = roleOf(self.address, self);
  const after = roleOf(self.address, first);
  if (before === after) return { ...first, role: after };
  // 9.4 (4): our own role changes, so the others are judged again with us declaring it: nobody is both DR and BDR.
  const declared: Candidate = {
    ...self,
    designatedRouter: after === 'dr' ? self.address : 0,
    backupDesignatedRouter: after === 'backup' ? self.address : 0,
  };
  const second = elect([declared, ...neighbors]);
  return { ...second, role: roleOf(self.address, second) };
}

interface Elected {
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
}

/** 9.4 (2) and (3), once. */
function elect(candidates: readonly Candidate[]): Elected {
  const eligible = candidates.filter((c) => c.priority > 0);
  const declareDr = eligible.filter((c) => c.designatedRouter === c.address);
  const others = eligible.filter((c) => c.designatedRouter !== c.address);
  const declareBackup = others.filter((c) => c.backupDesignatedRouter === c.address);
  const backup = best(declareBackup.length > 0 ? declareBackup : others);
  const designated = best(declareDr);
  return {
    designatedRouter: (designated ?? backup)?.address ?? 0,
    backupDesignatedRouter: backup?.address ?? 0,
  };
}

function best(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (winner, c) => (winner === undefined || outranks(c, winner) ? c : winner),
    undefined,
  );
}

function outranks(a: Candidate, b: Candidate): boolean {
  return a.priority !== b.priority ? a.priority > b.priority : a.routerId > b.routerId;
}

function roleOf(address: Ipv4, elected: Elected): ElectionResult['role'] {
  if (elected.designatedRouter === address) return 'dr';
  if (elected.backupDesignatedRouter === address) return 'backup';
  return 'drOther';
}
