import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { check } from './check.js';
import { BlueprintSpec, ConsumerSpec, PolicySpec } from './declarations.js';

/** Names that every object has without having been given them. */
const INHERITED = Object.getOwnPropertyNames(Object.prototype);

/** An object with that field of its own, as JSON and YAML make it also of `__proto__`. */
const having = (name: string, value: unknown, others: object = {}): object =>
  Object.defineProperty({ ...others }, name, { value, enumerable: true });

const consumer = { kind: 'build-step', tier: 'low' };
const faultsOf = (schema: new () => object, value: object) =>
  check(schema, value, '').faults.map(({ path, message }) => `${path} ${message}`);

describe('check', () => {
  it.each(INHERITED)('knows no field %s, at the top and below', (name) => {
    const waiver = having(name, 1, { rule: 'machine-tiers', subject: '*', reason: 'r' });
    expect(faultsOf(ConsumerSpec, having(name, 1, consumer))).toEqual([`${name} is not a known field`]);
    expect(faultsOf(BlueprintSpec, { type: 'local-host', tier: 'low', limits: having(name, 1) })).toEqual([
      `limits.${name} is not a known field`,
    ]);
    expect(faultsOf(PolicySpec, { isolation: 'low', waivers: [waiver] })).toContain(
      `waivers.0.${name} is not a known field`,
    );
  });

  it.each(INHERITED)('gives %s as it came where names are the caller’s own', (name) => {
    const claims = having(name, 'x', { deep: [having(name, {})] });
    const oidc = { issuer: 'https://ci.example.org', audience: 'berth', claims };
    expect(check(ConsumerSpec, { ...consumer, oidc }, '')).toMatchObject({ faults: [], value: { oidc } });
    expect(check(ConsumerSpec, { ...consumer, oidc }, '').value?.oidc?.claims).toBe(claims);
  });

  it('makes each part an instance of its class, with its defaults', () => {
    const { value } = check(BlueprintSpec, { type: 'local-host', tier: 'low', limits: { resources: 2 } }, '');
    expect(value).toBeInstanceOf(BlueprintSpec);
    expect(value).toMatchObject({ limits: { resources: 2, leasesPerResource: 1 }, spec: {} });
  });
});
