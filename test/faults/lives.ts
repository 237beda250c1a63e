import type { BrokerProcess } from '../support/broker-process.js';
import { type Shown, until } from '../support/installation.js';
import { checkout } from '../support/manifests.js';

/** What a broker is put to, until it dies on the way. */
export interface Life {
  live(broker: BrokerProcess): Promise<unknown>;
  /** What the next one makes of it in the end. */
  goesOn?(next: BrokerProcess): Promise<void>;
  /** Right after which turns, statements and calls of drivers it dies, each in a test of its own. */
  deaths: string[];
}

const keyed = { body: { ...checkout, consumer: 'step' }, headers: { 'idempotency-key': 'once' } };

export const LIVES: Record<string, Life> = {
  'the life of a lease': {
    /** From the first build to the last thing destroyed. */
    async live(broker) {
      const { id, resource } = await broker.lease('step', checkout);
      await broker.run(id, 'echo on');
      await broker.release(id);
      await broker.becomes(id, 'destroyed');
      await broker.becomes(resource, { state: 'active', hygiene: 'clean' });
      const { items } = await broker.ok('GET /v1/resources?state=active');
      const copiesFirst = items.sort((one: Shown, other: Shown) => other.type.localeCompare(one.type));
      for (const { id: standing } of copiesFirst) {
        await broker.becomes(standing, { leases: 0, hygiene: 'clean' });
        await broker.call(`POST /v1/resources/${standing}/release`, { body: {} });
        await broker.becomes(standing, 'destroyed');
      }
    },
    deaths: [
      // The host beneath the working copy, then the copy.
      'turn:1',
      'turn:2',
      'turn:3',
      'build:1',
      'verify:1',
      'build-succeeded:1',
      'save-resource:1',
      'build:2',
      'save-resource:2',
      // The lease on it.
      'activate:1',
      'lease-activated:1',
      'add-command:1',
      'execute:1',
      'command-ended:1',
      // Its end.
      'end-leases:1',
      'cut:1',
      'lease-destroyed:1',
      'resource-cleaning:1',
      'clean:1',
      'save-resource:3',
      // The end of the copy, which gives the host back.
      'destroy:1',
      'save-resource:4',
      'end-leases:2',
      'cut:2',
      'lease-destroyed:2',
      'clean:2',
      'save-resource:5',
      // The end of the host.
      'destroy:2',
      'save-resource:6',
    ],
  },

  'the loss of a resource before its lease is active': {
    async live(broker) {
      const first = await broker.lease('step', checkout);
      await broker.release(first.id);
      await broker.becomes(first.resource, { leases: 0, hygiene: 'clean' });
      await broker.lose('working-copy', first.resource);
      await broker.request('step', checkout);
    },
    async goesOn(next) {
      const { items } = await next.ok('GET /v1/leases?consumer=step');
      await next.becomes(items[0].id, 'active');
    },
    deaths: ['retire-resources:1', 'requeue-leases:1'],
  },

  'the sweep of an orphan': {
    async live(broker) {
      await broker.strew('docker-host', ORPHAN);
      await swept(broker);
    },
    goesOn: swept,
    deaths: ['remember-sightings:1', 'remember-silences:1', 'swept:1', 'orphan-destroyed:1'],
  },

  'a landing': {
    async live(broker) {
      const repository = 'https://git.example/app.git';
      const source = { uri: repository, ref: 'feature' };
      const change = { source, target: 'main', message: 'Land it', author: 'Ada <ada@example.org>' };
      await broker.ok('POST /v1/operations', {
        body: { type: 'land', consumer: 'robot', repository, ...change },
      });
    },
    async goesOn(next) {
      const [landing] = await until(
        async () => (await next.ok('GET /v1/operations')).items,
        ([{ state }]) => state === 'done',
      );
      await next.becomes(landing.lease, 'destroyed');
    },
    deaths: ['operation-leased:1', 'save-operation:1', 'land:1', 'save-operation:2'],
  },

  'a request with a key': {
    live: (broker) => broker.ok('POST /v1/leases', keyed),
    async goesOn(next) {
      const { id } = await next.ok('POST /v1/leases', keyed);
      await next.becomes(id, 'active');
      const { items } = await next.ok('GET /v1/leases?consumer=step');
      if (items.length !== 1) throw new Error(`There are ${items.length} leases.`);
    },
    deaths: ['claim-key:1', 'turn:1', 'answer-key:1'],
  },

  'a revoking that breaks leases': {
    async live(broker) {
      const { id } = await broker.lease('step', checkout);
      await broker.run(id, 'echo on');
      await broker.revoke('trees', 'box', { breakLeases: true });
    },
    async goesOn(next) {
      const { items } = await next.ok('GET /v1/leases?consumer=step');
      await next.becomes(items[0].id, { state: 'destroyed', ended: 'revoked' });
    },
    deaths: ['decide-authorization:1'],
  },
};

const ORPHAN = 'res_orphan';

/** Sweeps until the orphan is gone, which is known for long at each look. */
async function swept(broker: BrokerProcess): Promise<void> {
  await until(
    async () => {
      await broker.sql(`UPDATE sightings SET first_seen_at = now() - interval '1 h'`);
      await broker.ok('POST /v1/sweep', { body: {} });
      return broker.existing();
    },
    (existing) => !existing.includes(ORPHAN),
  );
}
