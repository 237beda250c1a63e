import { DriverError } from '../driver.js';
import type { SshLogin } from './ssh-login.js';

/** What ssh2 and the socket say when no connection comes about, by their codes. */
export function sshFault(login: SshLogin, fault: Error): DriverError {
  const level = 'level' in fault ? fault.level : undefined;
  const details = { host: login.name, address: login.address, port: login.port };
  if (level === 'client-authentication') {
    const message = `${login.name} does not let ${login.user} in with the credential ${login.credential}.`;
    return new DriverError('refused', message, { details, cause: fault });
  }
  const message = `${login.name} at ${login.address}:${login.port} can't be reached: ${fault.message}`;
  return new DriverError('unreachable', message, { temporary: true, details, cause: fault });
}

/** A channel that the server would not open, or that its connection no longer could. */
export function openFault(login: SshLogin, fault: unknown): DriverError {
  const why = fault instanceof Error ? fault.message : String(fault);
  return new DriverError('unreachable', `${login.name} opens no session: ${why}`, {
    temporary: true,
    details: { host: login.name },
    cause: fault,
  });
}

/** Whether the server itself would not open a channel; its connection goes on. Other faults are the connection's. */
export function isRefusedChannel(fault: unknown): boolean {
  const cause = fault instanceof DriverError ? fault.cause : fault;
  return cause instanceof Error && 'reason' in cause && typeof cause.reason === 'number';
}
