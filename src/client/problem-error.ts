import type { components } from './schema.d.ts';

type Problem = components['schemas']['Problem'];

/** An error that the broker answered with. Programs go by `code`; `detail` is for people. */
export class ProblemError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: { path: string; message: string }[];
  readonly details: Record<string, unknown>;

  constructor({
    status,
    code,
    detail,
    errors = [],
    details = {},
  }: Omit<Problem, 'type' | 'title' | 'instance'>) {
    super(detail);
    this.name = 'ProblemError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.details = details;
  }
}

/** No broker answered at the address. */
export class UnreachableError extends Error {
  constructor(url: string, cause: unknown) {
    super(`No broker answers at ${url}.`, { cause });
    this.name = 'UnreachableError';
  }
}

/** @throws ProblemError unless the answer is a success; what stands between us and the broker may answer in other words. */
export async function ensureOk(response: Response): Promise<void> {
  if (response.ok) return;
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
  if (isProblem) throw new ProblemError((await response.json()) as Problem);
  const detail = `The answer was ${response.status} ${response.statusText}, and not from a broker.`;
  throw new ProblemError({ status: response.status, code: 'internal', detail });
}
