import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { FakeCall } from '../../src/drivers/fake.driver.js';
import { gate, until, useInstallation } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'));

/** A host that is being cleaned, for ever but for its signal. */
async function cleaning(): Promise<{ id: string; call: FakeCall }> {
  await berth.declare(hosts('box'), consumer('step', ['box']));
  await berth.approve('step', 'box');
  const held = gate();
  const calls: FakeCall[] = [];
  berth.script = (call) => {
    if (call.method !== 'clean' || calls.length > 0) return;
    calls.push(call);
    return held.hold(call).then(() => call.signal.throwIfAborted());
  };
  const { id, resource } = await berth.lease('step');
  await berth.run(id, 'echo');
  await berth.release(id);
  await held.reached;
  return { id: resource, call: calls[0] as FakeCall };
}

describe('a step under way', () => {
  it('ends where another has claimed its subject, which is the other’s from then on', async () => {
    const { id, call } = await cleaning();
    await berth.sql(`UPDATE resources SET claim = 'proc_other', claimed_until = now() + interval '1 d'`);
    await until(
      () => call.signal.aborted,
      (aborted) => aborted,
    );
    await berth.sql(`UPDATE resources SET claimed_until = now()`);
    await berth.nudge();
    await berth.becomes(id, { hygiene: 'clean' });
    expect(berth.calls('clean')).toBe(2);
  });

  it('ends where its claim can’t be renewed, since others may take it over, and is taken anew', async () => {
    const { id, call } = await cleaning();
    const other = new pg.Client(berth.app.databaseUrl);
    await other.connect();
    try {
      // As where an index is made: what is there is read, and nothing changed.
      await other.query('BEGIN; LOCK TABLE resources IN SHARE MODE');
      await until(
        () => call.signal.aborted,
        (aborted) => aborted,
      );
    } finally {
      await other.end();
    }
    await berth.becomes(id, { hygiene: 'clean' });
    expect(berth.calls('clean')).toBe(2);
  });
});
