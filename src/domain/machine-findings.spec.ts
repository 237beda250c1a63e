import { describe, expect, it } from '@jest/globals';
import { ISOLATION_POLICIES, type IsolationPolicy, type Waiver } from './isolation.js';
import { compareMachines } from './machine.js';
import { type LiveHost, machineFindings, refusal } from './machine-findings.js';

const BROKER = { bootId: 'broker', address: '10.0.0.1' };

function host(facts: Partial<LiveHost> = {}): LiveHost {
  return {
    id: 'built',
    blueprint: 'low-hosts',
    tier: 'low',
    type: 'docker-host',
    machine: { bootId: 'one' },
    ...facts,
  };
}

const high = (facts: Partial<LiveHost> = {}) =>
  host({ id: 'other', blueprint: 'high-hosts', tier: 'high', ...facts });

function refused(
  built: LiveHost,
  others: LiveHost[] = [],
  policy: IsolationPolicy = 'high',
  waivers: Waiver[] = [],
) {
  return refusal({ policy, waivers, broker: BROKER, resources: others }, built)?.rule;
}

function refusedUnder(built: LiveHost, others: LiveHost[] = []): IsolationPolicy[] {
  return ISOLATION_POLICIES.filter((policy) => refused(built, others, policy));
}

describe('two machines', () => {
  it('are told apart by their boot ids, whatever else is said', () => {
    expect(compareMachines({ bootId: 'a', address: 'x' }, { bootId: 'a', address: 'y' })).toBe('same');
    expect(compareMachines({ bootId: 'a', address: 'x' }, { bootId: 'b', address: 'x' })).toBe('apart');
  });

  it('are one where either boot id is missing and any other mark is shared', () => {
    const machine = { bootId: 'a', hostKey: 'k', address: 'x', engineId: 'e' };
    expect(compareMachines(machine, { hostKey: 'k', address: 'y' })).toBe('same');
    expect(compareMachines(machine, { hostKey: 'l', address: 'x' })).toBe('same');
    expect(compareMachines(machine, { engineId: 'e' })).toBe('same');
    expect(compareMachines(machine, { hostKey: 'l', address: 'y', engineId: 'f' })).toBe('apart');
  });

  it('can not be told apart where they have no mark in common', () => {
    expect(compareMachines({}, {})).toBe('unknown');
    expect(compareMachines({ bootId: 'a' }, { address: 'x' })).toBe('unknown');
    expect(compareMachines({ hostKey: '' }, { hostKey: '' })).toBe('unknown');
  });
});

describe('a host just built', () => {
  it('may be handed out on a machine of its own', () => {
    expect(refused(host(), [high({ machine: { bootId: 'two' } })])).toBeUndefined();
  });

  it('is refused on the machine of the broker, but under zero', () => {
    const here = host({ machine: { bootId: 'broker' } });
    expect(refusedUnder(here)).toEqual(['low', 'high', 'custom', 'absolute']);
    expect(refused(here)).toBe('broker-machine');
  });

  it('is refused on a machine of another tier, but under zero and low', () => {
    expect(refusedUnder(host(), [high()])).toEqual(['high', 'custom', 'absolute']);
    expect(refused(host(), [high()])).toBe('machine-in-two-tiers');
  });

  it('shares a machine with others of its tier', () => {
    expect(refusedUnder(host(), [host({ id: 'other', blueprint: 'more-hosts' })])).toEqual([]);
  });

  it('is refused under every policy where two ssh hosts are one machine, whatever two blueprints say', () => {
    const ssh = host({ type: 'ssh-host', machine: { hostKey: 'k', address: 'a' } });
    const again = host({ id: 'other', blueprint: 'more', type: 'ssh-host', machine: { hostKey: 'k' } });
    expect(refusedUnder(ssh, [again])).toEqual([...ISOLATION_POLICIES]);
    expect(refused(ssh, [again])).toBe('machine-twice');
  });

  it('is refused where nothing tells its machine from the broker or another tier', () => {
    expect(refused(host({ machine: {} }))).toBe('broker-machine');
    const unread = host({ machine: { address: '10.0.0.7' } });
    expect(refused(unread, [high()])).toBe('machine-in-two-tiers');
    expect(refused(unread)).toBeUndefined();
  });

  it('is refused under a policy that is not known, whatever is waived', () => {
    const waivers: Waiver[] = [{ rule: 'unknown-policy', subject: '*', reason: 'none' }];
    expect(refused(host(), [], 'lax' as IsolationPolicy, waivers)).toBe('unknown-policy');
  });

  it('is not compared with itself', () => {
    const ssh = host({ type: 'ssh-host' });
    expect(refused(ssh, [ssh])).toBeUndefined();
  });

  it.each(['machine/one', 'blueprint/high-hosts', 'tier/low', '*'])(
    'is let in by a waiver for %s',
    (subject) => {
      const rule = 'machine-in-two-tiers';
      expect(refused(host(), [high()], 'high', [{ rule, subject, reason: 'one machine' }])).toBeUndefined();
    },
  );

  it('is not let in by a waiver for something else', () => {
    const waivers: Waiver[] = [
      { rule: 'machine-in-two-tiers', subject: 'machine/two', reason: 'another machine' },
      { rule: 'machine-twice', subject: '*', reason: 'another rule' },
    ];
    expect(refused(host(), [high()], 'high', waivers)).toBe('machine-in-two-tiers');
  });
});

describe('the findings about machines', () => {
  const world = { broker: BROKER, resources: [host(), high(), host({ id: 'third' })] };

  it('say once for two blueprints that a machine serves two tiers', () => {
    const findings = machineFindings({ policy: 'high', waivers: [], ...world });
    expect(findings).toEqual([
      {
        severity: 'violation',
        rule: 'machine-in-two-tiers',
        subjects: ['machine/one', 'blueprint/high-hosts', 'tier/high', 'blueprint/low-hosts', 'tier/low'],
        message: 'Hosts of high-hosts (tier high) and low-hosts (tier low) are one machine.',
      },
    ]);
  });

  it('keep what is waived, and notice what the policy does not enforce', () => {
    const waivers: Waiver[] = [{ rule: 'machine-in-two-tiers', subject: '*', reason: 'one machine' }];
    expect(machineFindings({ policy: 'high', waivers, ...world })).toMatchObject([{ severity: 'waived' }]);
    expect(machineFindings({ policy: 'low', waivers: [], ...world })).toMatchObject([{ severity: 'notice' }]);
  });

  it('take no longer for thousands of containers of one engine', () => {
    const resources = Array.from({ length: 10_000 }, (_, index) => host({ id: `res_${index}` }));
    resources.push(high());
    expect(machineFindings({ policy: 'high', waivers: [], broker: BROKER, resources })).toHaveLength(1);
  });
});
