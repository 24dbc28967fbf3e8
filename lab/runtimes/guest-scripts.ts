/** The shell programs that run in a guest: how it comes to its root folder, and how it does what it is told. */

/** What a guest is called, and what it has of the host. */
export interface GuestFacts {
  readonly name: string;
  /** Host and guest have it at the same path, both may write. */
  readonly shared: string;
  readonly nics: readonly { readonly name: string; readonly mac: string }[];
}

/** The kernel's first program. Without a console its file descriptors 0 to 2 would be closed, and redirections go wrong. */
export function initScript({ name, shared, nics }: GuestFacts): string {
  const names = nics.map((nic) => `${nic.mac}) want=${nic.name} ;;`).join(' ');
  return `#!/bin/busybox sh
b() { /bin/busybox "$@"; }
b mount -t devtmpfs dev /dev
# As on an installed system: whoever opens it has its module loaded.
b mkdir -p /dev/net
b mknod /dev/net/tun c 10 200
exec </dev/null >/dev/ttyS0 2>&1
b mount -t proc proc /proc
b mount -t sysfs sys /sys
for module in /modules/*; do b insmod $module; done
b mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 host /host
b mount -t tmpfs -o mode=755 over /over
b mkdir /over/work
b mkdir -p /skeleton
b mv /skeleton /over/upper
b mkdir -p /over/upper/.sluice
b mv /serve /over/upper/.sluice/serve
b mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work over /new
b mount -t tmpfs -o mode=755 run /new/run
b mkdir -p /new/run/sluice-guest /new/run/lock /new${shared} /dev/pts /dev/shm
b mount -t devpts -o ptmxmode=666 pts /dev/pts
b mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=524288 shared /new${shared}
b hostname ${name}
b ip link set lo up
# Under other names first: what one is to be called may be what another is called now.
# From 6.2 on the kernel renames devices that are up, lo among them.
for path in /sys/class/net/[!l]*; do
  b ip link set \${path##*/} name was-\${path##*/} 2>/dev/null
done
for path in /sys/class/net/was-*; do
  want=; case $(b cat $path/address 2>/dev/null) in ${names} esac
  [ -z "$want" ] || b ip link set \${path##*/} name $want up
done
for path in dev proc sys; do b mount -o move /$path /new/$path; done
exec /bin/busybox switch_root /new /bin/bash /.sluice/serve
`;
}

/**
 * Process 1. Per channel: reads `ID NUL SCRIPT NUL`, runs the script, answers `ID CODE` and a new line. Standard output and
 * error go where the script sends them. Each script is a process group of its own (-m), so that it can be ended whole. A
 * channel to which nobody is connected reads as ended, which is no reason to end.
 */
export const SERVE_SCRIPT: string = `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
cd /
serve() {
  set -m
  exec 3<>"$1"
  while :; do
    if ! IFS= read -r -d '' id <&3; then read -t 0.5 <>/run/sluice-guest/never; continue; fi
    IFS= read -r -d '' script <&3 || continue
    bash -c "$script" </dev/null 3>&- &
    echo $! >/run/sluice-guest/$id.pid
    wait $!
    echo "$id $?" >&3
  done
}
mkfifo /run/sluice-guest/never
exec </dev/null >/dev/ttyS0 2>&1
for port in /sys/class/virtio-ports/*; do
  read -r name <$port/name
  case $name in channel*) serve /dev/\${port##*/} & ;; esac
done
while :; do wait; read -t 1 <>/run/sluice-guest/never; done
`;
