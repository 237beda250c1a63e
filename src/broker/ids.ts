import { randomInt } from 'node:crypto';
import { monotonicFactory } from 'ulid';

/** By itself it asks the kernel for each of the sixteen letters; `randomInt` asks for many at a time. */
const next = monotonicFactory(() => randomInt(32) / 32);

export type IdPrefix = 'lease' | 'res' | 'auth' | 'cmd' | 'op' | 'tok' | 'broker' | 'proc';

/** A new id: the prefix says of what, and ids of one process sort by age. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${next().toLowerCase()}`;
}
