type Fields = Record<string, unknown>;

function manifest(kind: string, name: string, spec: Fields) {
  return { apiVersion: 'berth/v1', kind, metadata: { name }, spec };
}

export const policy = (isolation: string, fields: Fields = {}) =>
  manifest('Policy', 'policy', { isolation, ...fields });

export const tier = (name: string, fields: Fields = {}) => manifest('Tier', name, fields);

/** Hosts that are cleaned and used again, one at a time, one lease each, unless the fields say otherwise. */
export const hosts = (name: string, { resources = 1, leasesPerResource = 1, ...fields }: Fields = {}) =>
  manifest('Blueprint', name, {
    type: 'docker-host',
    tier: 'low',
    reuse: 'tier',
    warm: 0,
    limits: { resources, leasesPerResource },
    ...fields,
  });

/** Machines by name, each a host. */
export const machines = (name: string, names: string[], fields: Fields = {}) =>
  hosts(name, {
    type: 'ssh-host',
    resources: 100,
    spec: { hosts: names.map((name) => ({ name })) },
    ...fields,
  });

/** Working copies that stand on hosts of the blueprint named. */
export const copies = (name: string, host: string, { resources = 1, ...fields }: Fields = {}) =>
  manifest('Blueprint', name, {
    type: 'working-copy',
    tier: 'low',
    limits: { resources },
    spec: { hosts: [host] },
    ...fields,
  });

export const consumer = (name: string, blueprints: string[], fields: Fields = {}) =>
  manifest('Consumer', name, { kind: 'build-step', tier: 'low', blueprints, ...fields });

/** What a lease of a working copy asks for. */
export const checkout = {
  type: 'working-copy',
  attributes: { repositories: { app: { uri: 'https://git.example/app.git' } } },
};
