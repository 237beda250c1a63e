import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalHostDriver } from '../../src/drivers/local-host/local-host.driver.js';
import { describeDriverContract, leaseOn } from '../contract/driver-contract.js';

describeDriverContract('local-host', async () => {
  const root = await mkdtemp(join(tmpdir(), 'berth-local-'));
  const blueprint = { name: 'here', type: 'local-host' as const, tier: 'low', spec: {} };
  return {
    driver: new LocalHostDriver({ root }),
    resource: {
      id: 'res_local',
      broker: 'broker-of-the-test',
      blueprint,
      place: null,
      handle: {},
      hostLease: null,
    },
    leaseOf: leaseOn,
    tearDown: () => rm(root, { recursive: true, force: true }),
  };
});
