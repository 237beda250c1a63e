import { describe, expect, it } from '@jest/globals';
import { FakeDriver } from '../drivers/fake.driver.js';
import type { LeaseRow } from '../store/lease.store.js';
import type { ResourceStore, Standing } from '../store/resource.store.js';
import { Drivers } from './drivers.js';
import { Views } from './views.js';

const standing = (id: string): Standing => ({
  id,
  place: null,
  handle: {},
  givenUp: false,
  formerSpec: null,
  blueprint: { name: 'box', type: 'docker-host', tier: 'low', spec: {} },
  lease: null,
});
const lease = { id: 'lease_1', fence: 1, attributes: {}, resourceId: 'res_1' } as LeaseRow;

/** Who reads `held` beside the lease; what was read after it besides. */
async function viewWith(held: () => Promise<Standing[]>) {
  const after: string[] = [];
  const resources = {
    heldBy: held,
    standing: async (id: string) => {
      after.push(id);
      return [standing(id)];
    },
  } as unknown as ResourceStore;
  const views = new Views('broker', new Drivers([new FakeDriver('docker-host')]), resources);
  const { view } = await views.lease(lease, views.heldBy(lease.id));
  return { resource: view.resource.id, after };
}

describe('what a lease holds, read beside the lease', () => {
  it('is not read again', async () => {
    expect(await viewWith(async () => [standing('res_1')])).toEqual({ resource: 'res_1', after: [] });
  });

  it('is read again where the lease got it only then', async () => {
    expect(await viewWith(async () => [])).toEqual({ resource: 'res_1', after: ['res_1'] });
    expect(await viewWith(async () => [standing('res_0')])).toEqual({ resource: 'res_1', after: ['res_1'] });
  });

  it('fails whoever makes use of it where it could not be read', async () => {
    const failing = viewWith(async () => {
      throw new Error('gone');
    });
    await expect(failing).rejects.toThrow('gone');
  });
});
