import { describe, expect, it } from '@jest/globals';
import { InputPipe } from './input.pipe.js';
import { LeaseBody, LeaseQuery, toLeaseRequest } from './lease.dto.js';
import { PersonBody } from './person.dto.js';

const pipe = new InputPipe();
const body = (metatype: new () => object) => ({ type: 'body', metatype }) as const;
const query = (metatype: new () => object) => ({ type: 'query', metatype }) as const;
const refusing = (path: string) =>
  expect.objectContaining({ code: 'malformed', errors: [{ path, message: expect.any(String) }] });

describe('InputPipe', () => {
  it('gives the body as its class', () => {
    const lease = pipe.transform({ type: 'host', ttl: '10m' }, body(LeaseBody));
    expect(lease).toBeInstanceOf(LeaseBody);
    expect(toLeaseRequest(lease as LeaseBody)).toEqual({ type: 'host', ttlSeconds: 600 });
  });

  it.each([
    [{ type: 'hosts' }, 'type'],
    [{ type: 'host', bogus: 1 }, 'bogus'],
    [{ type: 'host', ttl: null }, 'ttl'],
    [{ type: 'host', ttl: '10 minutes' }, 'ttl'],
    [{ type: 'host', priority: 1.5 }, 'priority'],
    [{ type: 'host', priority: '1' }, 'priority'],
    [{ type: 'host', blueprints: 'b' }, 'blueprints'],
    [{ type: 'host', env: { '1A': 'x' } }, 'env'],
    [{ type: 'host', env: { A: 1 } }, 'env'],
    [{ type: 'host', note: 'a\0' }, 'note'],
    [[], ''],
    ['text', ''],
  ])('refuses the body %j, naming %p', (input, path) => {
    expect(() => pipe.transform(input, body(LeaseBody))).toThrow(refusing(path));
  });

  it('names nested fields by their path', () => {
    const input = { roles: [{ role: 'admin' }, { role: 'boss' }] };
    expect(() => pipe.transform(input, body(PersonBody))).toThrow(refusing('roles.1.role'));
  });

  it('takes numbers of a query from text, and its defaults', () => {
    expect(pipe.transform({ limit: '7' }, query(LeaseQuery))).toMatchObject({ limit: 7 });
    expect(pipe.transform({}, query(LeaseQuery))).toMatchObject({ limit: 100 });
  });

  it.each([['0'], ['501'], ['x'], ['1.5'], [''], [['1', '2']]])('refuses ?limit=%p', (limit) => {
    expect(() => pipe.transform({ limit }, query(LeaseQuery))).toThrow(refusing('limit'));
  });
});

describe('attributes of a working copy', () => {
  const request = (attributes: Record<string, unknown>) =>
    toLeaseRequest({ type: 'working-copy', attributes });

  it('keeps what it knows', () => {
    const repositories = {
      app: {
        uri: 'https://h/app.git',
        branch: 'main',
        merges: [{ uri: 'u', ref: 'r' }],
        submodules: true,
      },
    };
    expect(request({ repositories, strict: true }).attributes).toEqual({ repositories, strict: true });
  });

  it.each([
    [{ repositories: [] }, 'attributes.repositories'],
    [{ repositories: { app: 'https://h/app.git' } }, 'attributes.repositories.app'],
    [{ repositories: { app: {} } }, 'attributes.repositories.app.uri'],
    [{ repositories: { app: { uri: 'u', branch: 'b', tag: 't' } } }, 'attributes.repositories.app'],
    [
      { repositories: { app: { uri: 'u', merges: [{ uri: 'u' }] } } },
      'attributes.repositories.app.merges.0.ref',
    ],
    [{ repositories: { app: { uri: 'u', submodules: 'yes' } } }, 'attributes.repositories.app.submodules'],
    [{ strict: 'yes' }, 'attributes.strict'],
    [{ repository: {} }, 'attributes.repository'],
  ])('refuses %j, naming %s', (attributes, path) => {
    expect(() => request(attributes)).toThrow(refusing(path));
  });
});
