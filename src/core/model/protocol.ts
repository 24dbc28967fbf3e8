/** What a service's ports are ports of. SCTP is the ipvs plane's alone. */
export const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];
