/** What tells physical machines apart; whatever could be read. */
export interface Machine {
  /** The kernel's boot id, read on the host; every container and every sshd of one machine shows the same one. */
  bootId?: string;
  hostKey?: string;
  address?: string;
  engineId?: string;
}

/**
 * Whether two are one physical machine; `unknown` where they have no mark in common that could be compared.
 *
 * Boot ids settle it either way. Without them one shared mark is enough to be the same, even where others differ: a
 * machine can have two sshds, two addresses and two engines, and taking two machines for one only refuses too much.
 */
export function compareMachines(a: Machine, b: Machine): 'same' | 'apart' | 'unknown' {
  if (a.bootId && b.bootId) return a.bootId === b.bootId ? 'same' : 'apart';
  const comparable = (['hostKey', 'address', 'engineId'] as const).filter((mark) => a[mark] && b[mark]);
  if (comparable.length === 0) return 'unknown';
  return comparable.some((mark) => a[mark] === b[mark]) ? 'same' : 'apart';
}

/** How findings and waivers call a machine. */
export function machineSubject({ bootId, address, hostKey, engineId }: Machine): string {
  return `machine/${bootId || address || hostKey || engineId || 'unknown'}`;
}
