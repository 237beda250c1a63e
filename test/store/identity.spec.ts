import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DEFAULT_PROFILE } from '../../src/domain/tier.js';
import { ConsumerStore } from '../../src/store/consumer.store.js';
import { Database, type Queryable } from '../../src/store/database.js';
import { IdentityStore } from '../../src/store/identity.store.js';
import { InstallationStore } from '../../src/store/installation.store.js';
import { until } from '../support/installation.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let asked: string[];
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(async () => {
  await db.rows({ text: 'TRUNCATE tokens, people, consumers, tiers CASCADE' });
  asked = [];
});

/** A broker's own store, which notes what it asks the database. */
function identities(): IdentityStore {
  const noted: Queryable = {
    rows: (statement, values) => {
      asked.push(statement.name ?? statement.text);
      return db.rows(statement, values);
    },
  };
  return new IdentityStore(noted, new ConsumerStore(noted));
}

const hash = createHash('sha256').update('a token').digest();
const step = { name: 'step', kind: 'build-step', tier: 'low', declaredBy: 'ada', oidc: null } as const;

const changes = new ConsumerStore({ rows: (statement, values) => db.rows(statement, values) });

describe('the owner of a token', () => {
  const tiers = new InstallationStore({ rows: (statement, values) => db.rows(statement, values) });
  const people = identities();

  async function consumerWithToken(): Promise<void> {
    await tiers.putTier({ name: 'low', profile: DEFAULT_PROFILE });
    await changes.put({ ...step, blueprints: ['box'] });
    await people.addToken('tok_1', { kind: 'consumer', name: 'step' }, hash, 'ada');
  }

  it('is read once, the token each time', async () => {
    await consumerWithToken();
    const here = identities();
    const first = await here.principal(hash);
    await here.principal(hash); // its use was noted by the first
    asked = [];

    expect(await here.principal(hash)).toEqual(first);
    expect(first).toMatchObject({ kind: 'consumer', name: 'step', as: { tier: 'low', blueprints: ['box'] } });
    expect(asked).toEqual(['token']);
  });

  it('is what another broker just made of a consumer, or of its tier', async () => {
    await consumerWithToken();
    const here = identities();
    await here.principal(hash);

    await changes.put({ ...step, blueprints: ['box', 'other'] });
    expect(await here.principal(hash)).toMatchObject({ as: { blueprints: ['box', 'other'] } });

    await tiers.putTier({ name: 'low', profile: { ...DEFAULT_PROFILE, maxTtlSeconds: 60 } });
    expect(await here.principal(hash)).toMatchObject({ as: { profile: { maxTtlSeconds: 60 } } });
  });

  it('has the roles that another broker just gave', async () => {
    await people.putPerson('ada', [{ role: 'viewer' }], 'ada');
    await people.addToken('tok_1', { kind: 'person', name: 'ada' }, hash, 'ada');
    const here = identities();
    expect(await here.principal(hash)).toEqual({ kind: 'person', name: 'ada', roles: [{ role: 'viewer' }] });

    await people.putPerson('ada', [{ role: 'admin' }], 'ada');
    expect(await here.principal(hash)).toMatchObject({ roles: [{ role: 'admin' }] });

    await db.rows({ text: 'DELETE FROM people' });
    await people.putPerson('ada', [], 'ada');
    expect(await here.principal(hash)).toMatchObject({ roles: [] });
  });

  it('is nobody once another broker has revoked it', async () => {
    await consumerWithToken();
    const here = identities();
    await here.principal(hash);

    await people.revokeToken({ kind: 'consumer', name: 'step' }, 'tok_1', 'ada');
    expect(await here.principal(hash)).toBeUndefined();
  });
});

describe('the last admin', () => {
  const people = identities();
  const admin = [{ role: 'admin' as const }];

  it.each<[taken: string, (from: IdentityStore, name: string) => Promise<string>]>([
    ['the role', (from, name) => from.putPerson(name, [], 'eve')],
    ['the person', (from, name) => from.removePerson(name, 'eve')],
  ])('stays, where two admins take %s from each other at once', async (_, take) => {
    await people.putPerson('ada', admin, 'eve');
    await people.putPerson('bob', admin, 'eve');
    await people.addToken('tok_1', { kind: 'person', name: 'ada' }, hash, 'ada');
    const other = await db.transaction(async (transaction) => {
      expect(await take(new IdentityStore(transaction, changes), 'bob')).not.toBe('last-admin');
      const taken = take(people, 'ada');
      await until(
        () =>
          db.rows({
            text: `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          }),
        (waiting) => waiting.length > 0,
      );
      return { taken };
    });
    expect(await other.taken).toBe('last-admin');
    expect(await people.person('ada')).toMatchObject({ roles: admin });
    expect(await people.tokens({ kind: 'person', name: 'ada' })).toHaveLength(1);
  });

  it('has the role back with the event that says so, or not at all', async () => {
    await people.putPerson('ada', [], 'eve');
    await db.rows({
      text: `ALTER TABLE events ADD CONSTRAINT refused CHECK (kind <> 'person.updated') NOT VALID`,
    });
    await expect(people.welcomeAdmin('ada')).rejects.toThrow('refused');
    await db.rows({ text: 'ALTER TABLE events DROP CONSTRAINT refused' });
    expect(await people.person('ada')).toMatchObject({ roles: [] });
  });
});
