import { allocate, type Decision } from '../../src/domain/allocate.js';
import { copies, demand, NOON, pooled, snapshot, type WorldFacts } from './builders.js';

/** What a turn decides, as lines to compare: `lease grant res`. */
export function decide(...args: Parameters<typeof allocate>): string[] {
  return said(allocate(...args));
}

/** What one lease gets. */
export function one(lease: Parameters<typeof demand>[0], world: WorldFacts): string | undefined {
  return decide([demand(lease)], snapshot(world), NOON)[0];
}

/** Working copies of `copies` on hosts of `hosts`. */
export function checkouts(facts: Parameters<typeof pooled>[0] = {}) {
  return pooled({ ...copies(), ...facts });
}

/** A lease on one of them. */
export const forCopy = { allowed: ['copies'] };

function said(decisions: Decision[]): string[] {
  return decisions.map((decision) => {
    switch (decision.kind) {
      case 'grant':
      case 'share':
      case 'reclaim':
        return `${decision.leaseId} ${decision.kind} ${decision.resourceId}`;
      case 'build':
        return `${decision.leaseId ?? 'warm'} build ${decision.blueprint}`;
      case 'wait':
        return `${decision.leaseId} wait ${decision.reason} ${decision.position}`;
      case 'reject':
        return `${decision.leaseId} reject ${decision.condition}`;
      default:
        return decision satisfies never;
    }
  });
}
