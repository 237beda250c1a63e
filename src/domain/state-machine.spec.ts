import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { REUSE } from './blueprint.js';
import { CONSUMER_KINDS } from './consumer.js';
import { ISOLATION_POLICIES } from './isolation.js';
import { ENDED_REASONS, WAITING_REASONS } from './lease.js';
import {
  AUTHORIZATION,
  COMMAND,
  HYGIENE,
  LEASE,
  move,
  OPERATION,
  RESOURCE,
  type StateMachine,
} from './state-machine.js';

const MACHINES: Record<string, StateMachine> = {
  LEASE,
  RESOURCE,
  HYGIENE,
  AUTHORIZATION,
  OPERATION,
  COMMAND,
};

describe('a move', () => {
  it('goes where the table says', () => {
    expect(move(LEASE, 'acquired', 'pending')).toBe('pending');
  });

  it('is refused elsewhere, with what is possible', () => {
    expect(() => move(HYGIENE, 'dirty', 'clean')).toThrow(
      expect.objectContaining({
        code: 'illegal-move',
        message: 'From dirty there is no move to clean; possible: cleaning.',
      }),
    );
    expect(() => move(LEASE, 'destroyed', 'active')).toThrow('nothing, it is over');
  });

  it('does not stay in place', () => {
    expect(() => move(LEASE, 'active', 'active')).toThrow('From active');
  });
});

describe.each(Object.entries(MACHINES))('the states of %s', (_, machine) => {
  it('lead to no other than these', () => {
    expect(Object.keys(machine)).toEqual(expect.arrayContaining(Object.values(machine).flat()));
  });
});

it.each([
  ['LEASE', LEASE],
  ['RESOURCE', RESOURCE],
] as [string, StateMachine][])('destroying is legal from every state of %s but the last', (_, machine) => {
  for (const state of Object.keys(machine).filter((name) => name !== 'destroyed')) {
    expect(machine[state]).toContain('destroyed');
  }
  expect(machine.destroyed).toEqual([]);
});

/** Words of every `column … CHECK (column IN (…))`, by table and column; later migrations win. */
function checksOf(sql: string): Map<string, string[]> {
  const checks = new Map<string, string[]>();
  for (const [, table, body] of sql.matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\n {6}\);/g)) {
    for (const [, column, words] of (body ?? '').matchAll(/CHECK \((\w+) IN \(([^)]*)\)\)/g)) {
      const list = [...(words ?? '').matchAll(/'([^']*)'/g)].map(([, word]) => word as string);
      checks.set(`${table}.${column}`, list);
    }
  }
  return checks;
}

describe('the CHECK constraints of the database', () => {
  const folder = new URL('../../migrations/', import.meta.url);
  const sql = readdirSync(folder)
    .sort()
    .map((file) => readFileSync(new URL(file, folder), 'utf8'));
  const checks = checksOf(sql.join('\n'));

  it.each([
    ['leases.state', Object.keys(LEASE)],
    ['leases.waiting', WAITING_REASONS],
    ['leases.ended', ENDED_REASONS],
    ['resources.state', Object.keys(RESOURCE)],
    ['resources.hygiene', Object.keys(HYGIENE)],
    ['authorizations.state', Object.keys(AUTHORIZATION)],
    ['operations.state', Object.keys(OPERATION)],
    ['commands.state', Object.keys(COMMAND)],
    ['blueprints.reuse', REUSE],
    ['consumers.kind', CONSUMER_KINDS],
    ['installation.isolation', ISOLATION_POLICIES],
  ])('list the same words for %s as the code', (column, words) => {
    expect([...(checks.get(column) ?? [])].sort()).toEqual([...words].sort());
  });
});
