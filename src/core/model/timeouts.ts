/** Conntrack timeouts of a service's connections, by the states' names in nft's `ct timeout` policies. */

export const TIMEOUT_STATES = {
  tcp: [
    'syn_sent',
    'syn_recv',
    'established',
    'fin_wait',
    'close_wait',
    'last_ack',
    'time_wait',
    'close',
    'syn_sent2',
    'retrans',
    'unack',
  ],
  udp: ['unreplied', 'replied'],
} as const;

export type TimeoutState = (typeof TIMEOUT_STATES)['tcp' | 'udp'][number];

/** Whole seconds by state; what is not named stays as the kernel has it. */
export type Timeouts = Readonly<Partial<Record<TimeoutState, number>>>;
