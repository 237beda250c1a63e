import { describe, expect, it } from '@jest/globals';
import { BrokerError, ERROR_STATUS } from './errors.js';

describe('an error that a caller may see', () => {
  it('carries a code of the closed list, what helps the caller, and its cause for the log', () => {
    const cause = new Error('socket hang up');
    const error = new BrokerError('lease-over', 'The lease ended.', {
      details: { leaseId: 'lease_1' },
      cause,
    });
    expect(error).toMatchObject({
      name: 'BrokerError',
      code: 'lease-over',
      message: 'The lease ended.',
      details: { leaseId: 'lease_1' },
      errors: [],
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });

  it('answers with a status of 4xx or 5xx, whatever its code', () => {
    for (const status of Object.values(ERROR_STATUS)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
  });
});
