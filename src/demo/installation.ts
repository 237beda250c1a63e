import { stringify } from 'yaml';
import type { Schemas } from '../client/client.js';

/** What hosts are here: containers of an engine, or else this machine itself, which is for development only. */
export type Hosts = { engine: string; image: string } | 'this machine';

export type Policy = 'zero' | 'high';

export const LOW_HOST = 'low-host';
export const LOW_CHECKOUT = 'low-checkout';
export const HIGH_HOST = 'high-host';

type Manifest = Omit<Schemas['Manifest'], 'apiVersion'>;

/** Rules that one machine can't keep when it plays all parts, waived by name. */
export const WAIVERS: Schemas['IsolationWaiver'][] = [
  { rule: 'broker-machine', subject: `blueprint/${LOW_HOST}`, reason: 'the demonstration has one machine' },
  { rule: 'broker-machine', subject: `blueprint/${HIGH_HOST}`, reason: 'the demonstration has one machine' },
  { rule: 'machine-in-two-tiers', subject: 'tier/high', reason: 'the demonstration has one machine' },
];

/** The manifests of the installation, as they would lie in `blueprints/`: policy, two tiers, and what each has. */
export function installation(hosts: Hosts, policy: Policy): string {
  const tier = { network: hosts === 'this machine' ? 'bridge' : 'none', maxTtl: '1h', fourEyes: true };
  const documents: Manifest[] = [
    manifest('Policy', 'installation', { isolation: policy, ...(policy === 'high' && { waivers: WAIVERS }) }),
    manifest('Tier', 'low', tier),
    manifest('Tier', 'high', tier),
    manifest('Blueprint', LOW_HOST, { tier: 'low', ...host(hosts) }),
    // One checkout: whoever comes second gets the one that the first has left.
    manifest('Blueprint', LOW_CHECKOUT, {
      tier: 'low',
      type: 'working-copy',
      reuse: 'tier',
      limits: { resources: 1 },
      spec: { hosts: [LOW_HOST] },
    }),
    manifest('Blueprint', HIGH_HOST, { tier: 'high', ...host(hosts) }),
  ];
  return documents.map((document) => stringify({ apiVersion: 'berth/v1', ...document })).join('---\n');
}

/** Built on demand: what a lease takes is then all that there is to take away. */
function host(hosts: Hosts): Record<string, unknown> {
  if (hosts === 'this machine') return { type: 'local-host', warm: 0 };
  return { type: 'docker-host', warm: 0, spec: { ...hosts, memory: '256m', pids: 64, network: 'none' } };
}

function manifest(kind: Manifest['kind'], name: string, spec: Record<string, unknown>): Manifest {
  return { kind, metadata: { name }, spec };
}
