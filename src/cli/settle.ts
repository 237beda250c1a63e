import { type BerthClient, data, type Schemas } from '../client/client.js';
import { FailedError, StillWaitingError, UsageError } from './exit.js';
import { note } from './output.js';

type Lease = Schemas['Lease'];

/** Seconds that one request is held at most: well under what proxies allow. */
const HELD_SECONDS = 30;

/**
 * The lease once it is active, telling on the way what it waits for.
 * @throws StillWaitingError when the time is up, FailedError when it ended instead.
 */
export async function settled(
  { api }: BerthClient,
  first: Lease,
  waitSeconds: number,
  signal?: AbortSignal,
): Promise<Lease> {
  const until = Date.now() + waitSeconds * 1000;
  let lease = first;
  for (let told = ''; isWaiting(lease); ) {
    const why = waitingFor(lease);
    if (why !== told) note(`${lease.id} waits: ${why}`);
    told = why;
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) throw new StillWaitingError(`${lease.id} still waits: ${why}.`);
    const header = { Prefer: `wait=${Math.min(left, HELD_SECONDS)}` };
    const params = { path: { id: lease.id }, header };
    lease = await data(api.GET('/v1/leases/{id}', { params, signal }));
  }
  if (lease.state !== 'active') throw new FailedError(`${lease.id} is over: ${endOf(lease)}`);
  return lease;
}

export function seconds(duration: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(duration) ?? [];
  const factor = { s: 1, m: 60, h: 3600, d: 86_400 }[unit ?? ''];
  if (factor === undefined)
    throw new UsageError(`${duration} is no duration; it should look like 30s or 10m.`);
  return Number(count) * factor;
}

function isWaiting({ state }: Lease): boolean {
  return state === 'pending' || state === 'acquired';
}

function waitingFor({ waiting, state }: Lease): string {
  if (!waiting) return state;
  return waiting.position ? `${waiting.reason}, position ${waiting.position}` : waiting.reason;
}

function endOf({ ended, state, endedDetail }: Lease): string {
  const detail = endedDetail ? `\n${JSON.stringify(endedDetail, null, 2)}` : '';
  return `${ended ?? state}.${detail}`;
}
