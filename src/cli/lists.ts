import type { Command } from 'commander';
import { type BerthClient, data, type Item, type ListPath } from '../client/client.js';
import { type CommonOptions, command, group } from './command.js';
import { connect } from './connection.js';
import { print } from './output.js';
import { ago, cell, table } from './table.js';

interface Noun<P extends ListPath> {
  plural: string;
  path: P;
  filters: string[];
  columns: Record<string, (item: Item<P>, now: Date) => unknown>;
  get(client: BerthClient, id: string): Promise<object>;
}

export const LISTS: Command[] = [
  noun({
    plural: 'blueprints',
    path: '/v1/blueprints',
    filters: [],
    columns: {
      name: ({ name }) => name,
      type: ({ type }) => type,
      tier: ({ tier }) => tier,
      enabled: ({ enabled }) => enabled,
      live: ({ live, limits }) => `${live}/${limits.resources}`,
      free: ({ free }) => free,
      failing: ({ lastFailure, failures }) => (failures > 0 ? lastFailure : null),
    },
    get: ({ api }, name) => data(api.GET('/v1/blueprints/{name}', { params: { path: { name } } })),
  }),
  noun({
    plural: 'consumers',
    path: '/v1/consumers',
    filters: [],
    columns: {
      name: ({ name }) => name,
      kind: ({ kind }) => kind,
      tier: ({ tier }) => tier,
      blueprints: ({ blueprints }) => blueprints,
    },
    get: ({ api }, name) => data(api.GET('/v1/consumers/{name}', { params: { path: { name } } })),
  }),
  noun({
    plural: 'authorizations',
    path: '/v1/authorizations',
    filters: ['state', 'blueprint', 'consumer'],
    columns: {
      id: ({ id }) => id,
      object: ({ object }) => `${object.kind}/${object.name}`,
      blueprint: ({ blueprint }) => blueprint,
      listed: ({ objectState }) => objectState,
      state: ({ state }) => state,
      usable: ({ usable }) => usable,
      'decided by': ({ decidedBy }) => decidedBy,
      reason: ({ reason }) => reason,
    },
    get: ({ api }, id) => data(api.GET('/v1/authorizations/{id}', { params: { path: { id } } })),
  }),
  noun({
    plural: 'leases',
    path: '/v1/leases',
    filters: ['state', 'type', 'consumer', 'blueprint', 'tier', 'resource'],
    columns: {
      id: ({ id }) => id,
      state: ({ state }) => state,
      why: ({ waiting, ended }) => waiting?.reason ?? ended,
      consumer: ({ consumer }) => consumer,
      tier: ({ tier }) => tier,
      blueprint: ({ blueprint }) => blueprint,
      resource: ({ resource }) => resource,
      'expires in': ({ ended, expiresInSeconds: left }) => (ended || left === undefined ? null : `${left}s`),
      age: ({ createdAt }, now) => ago(createdAt, now),
    },
    get: ({ api }, id) => data(api.GET('/v1/leases/{id}', { params: { path: { id } } })),
  }),
  noun({
    plural: 'resources',
    path: '/v1/resources',
    filters: ['state', 'type', 'blueprint', 'tier'],
    columns: {
      id: ({ id }) => id,
      state: ({ state }) => state,
      hygiene: ({ hygiene }) => hygiene,
      tier: ({ tier }) => tier,
      blueprint: ({ blueprint }) => blueprint,
      leases: ({ leases }) => leases,
      uses: ({ uses }) => uses,
      cordoned: ({ cordoned }) => cordoned,
      silent: ({ silent }) => silent ?? null,
      age: ({ createdAt }, now) => ago(createdAt, now),
    },
    get: ({ api }, id) => data(api.GET('/v1/resources/{id}', { params: { path: { id } } })),
  }),
  noun({
    plural: 'operations',
    path: '/v1/operations',
    filters: ['state', 'consumer'],
    columns: {
      id: ({ id }) => id,
      state: ({ state }) => state,
      consumer: ({ consumer }) => consumer,
      repository: ({ repository }) => repository,
      target: ({ target }) => target,
      age: ({ createdAt }, now) => ago(createdAt, now),
    },
    get: ({ api }, id) => data(api.GET('/v1/operations/{id}', { params: { path: { id } } })),
  }),
];

interface ListOptions extends CommonOptions {
  limit: string;
}

/** `berth NOUN list` and `berth NOUN get`; the noun alone lists. */
function noun<P extends ListPath>({ plural, path, filters, columns, get }: Noun<P>): Command {
  const list = command('list', `list ${plural}`).option('--limit <n>', 'most items', '100');
  for (const filter of filters) list.option(`--${filter} <${filter}>`, `of this ${filter}`);
  list.action(async ({ limit, json, url, token, ...query }: ListOptions & Record<string, string>) => {
    const items = await take(Number(limit), connect({ url, token }).list(path, query));
    const now = new Date();
    print({ json }, items, () =>
      table(
        Object.keys(columns).map((head) => head.toUpperCase()),
        items.map((item) => Object.values(columns).map((column) => cell(column(item, now)))),
      ),
    );
  });
  const read = command('get', `read one of the ${plural}`)
    .argument('<id>')
    .action(async (id: string, options: CommonOptions) => print(options, await get(connect(options), id)));
  return group(plural, `list ${plural}, or get one`).addCommand(list, { isDefault: true }).addCommand(read);
}

export async function take<T>(count: number, items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  if (!(count > 0)) return taken;
  for await (const item of items) {
    taken.push(item);
    if (taken.length >= count) break;
  }
  return taken;
}
