/** The two data planes, and what a cluster file says of them. */
export type Plane = 'ipvs' | 'nftables';

/** `auto`: IPVS where the kernel has it, else nftables. */
export type DataplaneChoice = 'auto' | Plane;

export interface PlaneNeeded {
  readonly plane: Plane;
  /** Dotted path of what only this plane has, such as `services.web.forward`. */
  readonly by: string;
}
