/** Numbers of transport protocols in IP headers, and wherever the kernel names one (linux/in.h). */
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
