import { DriverError } from '../driver.js';

/**
 * Does what needs the broker's own disk.
 * @throws DriverError `failed`, for a while: what fails there, as a full one does, may do better later
 */
export async function onOwnDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (fault instanceof DriverError) throw fault;
    throw new DriverError('failed', "The broker's own disk does not take the repository.", {
      temporary: true,
      cause: fault,
    });
  }
}
