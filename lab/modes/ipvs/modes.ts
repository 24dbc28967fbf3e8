/** Ways in which the IPVS plane forwards. Directors are guests: few hosts' kernels have IPVS, and none here needs it. */
import { dr } from '../dr.ts';
import { clusterFile, type Mode } from '../mode.ts';
import { nat } from '../nat.ts';
import { oneArm } from '../one-arm.ts';
import { snat } from '../snat.ts';
import { drift } from './drift.ts';
import { fwmark } from './fwmark.ts';
import { onePacket } from './one-packet.ts';
import { sctp } from './sctp.ts';
import { tunnels } from './tunnels.ts';

/** Two are enough for flows to move between, and a third guest costs as much as each of them. */
const TWO = ['d1', 'd2'];

/** A mode of the nftables plane, its cluster file saying `dataplane: ipvs`. */
function onIpvs(mode: Mode, topology: string, claim: string, directors = TWO): Mode {
  return { ...mode, claim, directors, runtime: 'qemu', cluster: clusterFile(topology, 'ipvs') };
}

export const IPVS_MODES: readonly Mode[] = [
  onIpvs(nat, 'ecmp-3', 'NAT: the servers see the clients themselves, and answer to the director the flow came from.'),
  onIpvs(
    dr,
    'dr-trunk',
    'Direct routing into two VLANs; the answers pass no director, and one that goes takes no connection along.',
  ),
  onIpvs({ ...oneArm, name: 'fullnat' }, 'one-arm', 'FullNAT on one interface: servers have no way back but routing.'),
  tunnels,
  fwmark,
  onePacket,
  sctp,
  onIpvs(snat, 'egress', 'Servers go out by three directors with the addresses of one pool.', snat.directors.slice()),
  drift,
];
