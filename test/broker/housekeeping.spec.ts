import { describe, expect, it } from '@jest/globals';
import { until, useInstallation } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

describe('housekeeping', () => {
  const berth = useInstallation(policy('low'), tier('low'), hosts('box'), consumer('step', ['box']));

  it('is done while there is always a step to take', async () => {
    await berth.approve('step', 'box', { expiresIn: '1h' });
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    let over = false;
    const stir = async () => {
      while (!over) {
        await berth.sql(`UPDATE resources SET due_at = now() - interval '1 d' WHERE id = $1`, [resource]);
        await berth.nudge();
      }
    };
    const stirring = Promise.all([stir(), stir(), stir()]);
    await berth.sql(`UPDATE authorizations SET expires_at = now()`);
    const { state } = await until(
      () => berth.edge('step', 'box'),
      (edge) => edge.state === 'expired',
    );
    over = true;
    await stirring;
    expect(state).toBe('expired');
  });
});
