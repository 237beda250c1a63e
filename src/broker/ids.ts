import { monotonicFactory } from 'ulid';

const next = monotonicFactory();

export type IdPrefix = 'lease' | 'res' | 'auth' | 'cmd' | 'op' | 'tok' | 'broker' | 'proc';

/** A new id: the prefix says of what, and ids of one process sort by age. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${next().toLowerCase()}`;
}
