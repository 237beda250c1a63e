import { createHash } from 'node:crypto';
import { canonical } from '../domain/blueprint.js';
import type { Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import type { IdempotencyStore } from '../store/idempotency.store.js';
import { type IdPrefix, newId } from './ids.js';
import type { Secrets } from './secrets.js';

interface Once {
  principal: Principal;
  /** The caller's Idempotency-Key, if it sent one. */
  key: string | undefined;
  /** Method and path; the same key on another one is another request. */
  route: string;
  body: unknown;
  /** Of the id that the request creates. */
  prefix: IdPrefix;
}

/**
 * Makes a request that creates safe to send again. The key is bound to the id of what will be created before anything is,
 * and creating under a given id is safe to repeat; so even a first try that died half-way makes no second object. The
 * first answer is kept, sealed because it can hold a token.
 */
export class IdempotencyService {
  constructor(
    private readonly keys: IdempotencyStore,
    private readonly secrets: Secrets,
  ) {}

  async once<T>(
    { principal, key, route, body, prefix }: Once,
    act: (id: string) => Promise<{ status: number; body: T }>,
  ): Promise<{ status: number; body: T; replayed: boolean }> {
    const id = newId(prefix);
    if (key === undefined) return { ...(await act(id)), replayed: false };
    const who = `${principal.kind}/${principal.name}`;
    const request = `${route}\n${canonical(body)}`;
    const row = await this.keys.claim(who, key, this.secrets.fingerprint(request), id);
    if (!this.isOf(request, row.requestHash)) {
      throw new BrokerError(
        'idempotency-conflict',
        'This Idempotency-Key was used for another request; use a new one.',
      );
    }
    if (row.answer !== null && row.status !== null) {
      return { status: row.status, body: JSON.parse(this.secrets.open(row.answer)), replayed: true };
    }
    const answer = await act(row.subjectId);
    await this.keys.answer(who, key, answer.status, this.secrets.seal(JSON.stringify(answer.body)));
    return { ...answer, replayed: row.subjectId !== id };
  }

  /** Keys that an earlier version has bound have a plain hash. */
  private isOf(request: string, bound: Buffer): boolean {
    const plain = createHash('sha256').update(request).digest();
    return [this.secrets.fingerprint(request), plain].some((hash) => hash.equals(bound));
  }
}
