/** Work that must be done however this process ends; SIGKILL is the one end that it cannot see. */
const pending = new Set<() => void>();
let installed = false;

/** Runs `work` (synchronously, the newest first) when the process ends, unless the returned function is called first. */
export function takeDownAtExit(work: () => void): () => void {
  install();
  pending.add(work);
  return () => {
    pending.delete(work);
  };
}

function install(): void {
  if (installed) return;
  installed = true;
  process.on('exit', () => {
    for (const work of [...pending].reverse()) work();
  });
  const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
  for (const [name, number] of Object.entries(signals)) {
    // Only where nobody else has decided what the signal means; `exit` then runs the work above.
    process.on(name, () => {
      if (process.listenerCount(name) === 1) process.exit(128 + number);
    });
  }
}
