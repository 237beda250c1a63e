import type { FastifyReply } from 'fastify';

/** The answer of the idempotency service, sent: its status, where the new thing is, and whether this is a replay. */
export function created<T extends { id: string }>(
  reply: FastifyReply,
  answer: { status: number; body: T; replayed: boolean },
  collection: string,
): T {
  reply.status(answer.status).header('location', `${collection}/${answer.body.id}`);
  if (answer.replayed) reply.header('idempotency-replayed', 'true');
  return answer.body;
}
