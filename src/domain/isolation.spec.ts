import { describe, expect, it } from '@jest/globals';
import { blueprint, copies } from '../../test/support/builders.js';
import type { Blueprint } from './blueprint.js';
import {
  blueprintFindings,
  ISOLATION_POLICIES,
  type IsolationPolicy,
  policyFaults,
  policyFinding,
  type Waiver,
} from './isolation.js';

const UNKNOWN = 'lax' as IsolationPolicy;

function waiver(facts: Partial<Waiver>): Waiver {
  return { rule: 'local-host', subject: '*', reason: 'a test machine', ...facts };
}

function faultyUnder(declared: Blueprint, waivers: Waiver[] = []): IsolationPolicy[] {
  return ISOLATION_POLICIES.filter((policy) => policyFaults(policy, declared, waivers).length > 0);
}

describe('the isolation policy of the installation', () => {
  it('denies every blueprint where it is not known', () => {
    const faults = policyFaults(UNKNOWN, blueprint(), [waiver({ rule: 'unknown-policy' })]);
    expect(faults).toEqual([{ path: 'policy', message: expect.stringContaining('not lax') }]);
    expect(policyFaults('constructor' as IsolationPolicy, blueprint(), [])).toHaveLength(1);
    expect(policyFinding(UNKNOWN, true)).toMatchObject({ severity: 'violation', rule: 'unknown-policy' });
  });

  it('is zero only where that is acknowledged', () => {
    expect(policyFinding('zero', false)).toMatchObject({
      severity: 'violation',
      rule: 'zero-not-acknowledged',
    });
    expect(policyFinding('zero', true)).toBeUndefined();
    expect(policyFinding('high', false)).toBeUndefined();
  });
});

describe('a blueprint under an isolation policy', () => {
  it('is a local host under zero only', () => {
    expect(faultyUnder(blueprint({ type: 'local-host', spec: {} }))).toEqual([
      'low',
      'high',
      'custom',
      'absolute',
    ]);
    expect(policyFaults('high', blueprint({ type: 'local-host', spec: {} }), [])).toEqual([
      { path: 'type', message: 'can not be local-host under the isolation policy high' },
    ]);
  });

  it.each([
    'debian',
    'debian:12',
    'debian@sha256:12',
    'sha256:12',
    `debian:sha256:${'0'.repeat(64)}`,
    `@sha256:${'0'.repeat(64)}`,
    undefined,
    7,
  ])('does not name its image as %p from high on', (image) => {
    const declared = blueprint({ spec: { image } });
    expect(faultyUnder(declared)).toEqual(['high', 'custom', 'absolute']);
    expect(policyFaults('high', declared, [])).toMatchObject([{ path: 'spec.image' }]);
  });

  it.each([
    `sha256:${'a1'.repeat(32)}`,
    `debian@sha256:${'a1'.repeat(32)}`,
    `reg.example:5000/ci/debian:12@sha256:${'a1'.repeat(32)}`,
  ])('names its image as %s anywhere', (image) => {
    expect(faultyUnder(blueprint({ spec: { image } }))).toEqual([]);
  });

  it('names the image of its gate like its own', () => {
    const image = `sha256:${'a1'.repeat(32)}`;
    const gated = (gate: string) => blueprint({ spec: { image, network: { egress: ['a.example'], gate } } });
    expect(faultyUnder(gated(image))).toEqual([]);
    expect(faultyUnder(gated('gate:1'))).toEqual(['high', 'custom', 'absolute']);
    expect(policyFaults('high', gated('gate:1'), [])).toMatchObject([{ path: 'spec.network' }]);
  });

  it('is single-use under absolute', () => {
    expect(faultyUnder(copies({ reuse: 'consumer' }))).toEqual(['absolute']);
    expect(
      policyFaults('absolute', blueprint({ reuse: 'tier', limits: { leasesPerResource: 4 } }), []),
    ).toMatchObject([{ path: 'reuse' }, { path: 'limits.leasesPerResource' }]);
  });

  it('is let off a rule that a waiver names with it, and off no other', () => {
    const local = blueprint({ name: 'here', type: 'local-host', spec: {} });
    expect(faultyUnder(local, [waiver({ subject: 'blueprint/here' })])).toEqual([]);
    expect(faultyUnder(local, [waiver({ subject: 'tier/low' })])).toEqual([]);
    expect(faultyUnder(local, [waiver({ subject: 'blueprint/there' })])).toHaveLength(4);
    expect(faultyUnder(local, [waiver({ rule: 'broker-machine' })])).toHaveLength(4);
  });

  it('stays in the report with what is waived or not enforced', () => {
    const tagged = blueprint({ spec: { image: 'debian:12' } });
    const severities = (policy: IsolationPolicy, waivers: Waiver[]) =>
      blueprintFindings({ policy, waivers }, tagged).map(({ severity }) => severity);
    expect(severities('low', [])).toEqual(['notice']);
    expect(severities('high', [])).toEqual(['violation']);
    expect(severities('high', [waiver({ rule: 'image-not-pinned' })])).toEqual(['waived']);
  });
});
