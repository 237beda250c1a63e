import { type Call, DriverError, type DriverFaultCode } from '../driver.js';

/** Codes for statuses that mean something particular in one request. */
export type Faults = Partial<Record<number, { code: DriverFaultCode; message: string }>>;

const UNREACHABLE = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EACCES',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
];

/** The engine's errors, told apart once, by status and system code. */
export function translate(cause: unknown, engine: string, call: Call, faults: Faults): DriverError {
  if (cause instanceof DriverError) return cause;
  const { statusCode, code, message } = factsOf(cause);
  const fault = (as: DriverFaultCode, text: string, temporary = false) =>
    new DriverError(as, text, { temporary, details: { engine }, cause });

  if (call.signal.aborted)
    return fault('timed-out', `The engine at ${engine} had not answered in time.`, true);
  const known = statusCode === undefined ? undefined : faults[statusCode];
  if (known) return fault(known.code, known.message);
  if (code !== undefined && UNREACHABLE.includes(code)) {
    return fault(
      'unreachable',
      `The engine at ${engine} does not answer (${code}); see that it runs and may be reached.`,
      true,
    );
  }
  // The engine has no code for it: the one place where its words are read.
  if (/no space left on device/i.test(message))
    return fault('disk-full', `The disk of the engine at ${engine} is full.`, true);
  switch (statusCode) {
    case 400:
      return fault('invalid', `The engine refuses what the blueprint asks for: ${message}`);
    case 401:
    case 403:
      return fault('refused', `The engine at ${engine} refuses the broker: ${message}`);
    case 404:
      return fault('not-found', `The engine has no such thing: ${message}`);
    case 409:
      return fault('conflict', `The engine is not in a state to do that: ${message}`, true);
    default:
      return fault('failed', `The engine at ${engine} failed: ${message}`, true);
  }
}

/** By what it has, not by its class: the client hands through errors of more than one origin. */
function factsOf(cause: unknown): { statusCode?: number; code?: string; message: string } {
  if (typeof cause !== 'object' || cause === null) return { message: String(cause) };
  return {
    statusCode: 'statusCode' in cause && typeof cause.statusCode === 'number' ? cause.statusCode : undefined,
    code: 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined,
    message: 'message' in cause ? String(cause.message).trim() : 'it did not say why',
  };
}

/** Takes faults of these codes for an answer and throws the others. */
export function ifCode(...codes: DriverFaultCode[]): (fault: unknown) => undefined {
  return (fault) => {
    if (!(fault instanceof DriverError && codes.includes(fault.code))) throw fault;
  };
}
