/**
 * The closed list of what can go wrong, each with the HTTP status it answers with (RFC 9457 problem `code`).
 * Callers may rely on a code; the text beside it is for people.
 */
export const ERROR_STATUS = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  'cross-tier': 403,
  'four-eyes': 403,
  'not-found': 404,
  conflict: 409,
  'already-decided': 409,
  'illegal-move': 409,
  'in-use': 409,
  'idempotency-conflict': 409,
  'lease-not-active': 409,
  'lease-over': 410,
  'events-gone': 410,
  'stale-fence': 412,
  'too-large': 413,
  'unsupported-media-type': 415,
  impossible: 422,
  'policy-denies': 422,
  'too-many-requests': 429,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** One faulty field of a body, query, manifest or variable: where it is, and what would be right. */
export interface FieldFault {
  /** Dotted path from the root of the input, such as `spec.hosts.0.port`. */
  path: string;
  /** What is wrong and what would be right, in one sentence. */
  message: string;
}

interface ErrorFacts {
  /** Ids and values that help the caller; shown to them. */
  details?: Record<string, unknown>;
  /** Faulty fields, for `malformed`, `impossible` and `policy-denies`. */
  errors?: FieldFault[];
  /** The error underneath; goes to the log, never to the caller. */
  cause?: unknown;
}

/** An error that a caller may see: a code of the closed list, and a sentence that says what to do. */
export class BrokerError extends Error {
  readonly details: Record<string, unknown>;
  readonly errors: FieldFault[];

  constructor(
    readonly code: ErrorCode,
    message: string,
    { details = {}, errors = [], cause }: ErrorFacts = {},
  ) {
    super(message, { cause });
    this.name = 'BrokerError';
    this.details = details;
    this.errors = errors;
  }
}

/** What is wrong with one field, which the message goes on from. */
export function faulty(code: ErrorCode, path: string, message: string, cause?: unknown): BrokerError {
  return new BrokerError(code, `${path} ${message}.`, { errors: [{ path, message }], cause });
}
