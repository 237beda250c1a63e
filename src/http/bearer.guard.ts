import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { IdentityService } from '../broker/identity.service.js';
import { isAdmin, mayRead, type Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import { ACCESS, type Access } from './access.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whoever calls; absent on open routes. */
    principal?: Principal;
    /** Whose token came, asked for when the headers were there. */
    caller?: { principal: Promise<Principal>; since: number };
  }
}

/** How long what was found out is believed, in milliseconds: a body may take minutes, and the token be revoked meanwhile. */
const BELIEVED_MS = 250;

/** Begins to find out who calls while the request is still read and its handler found. */
export function recognise(server: FastifyInstance, identities: IdentityService): void {
  server.addHook('onRequest', (request, _reply, done) => {
    if (request.headers.authorization !== undefined) {
      const principal = whoseToken(request, identities);
      principal.catch(() => undefined); // told by the guard, where the route needs to know
      request.caller = { principal, since: performance.now() };
    }
    done();
  });
}

async function whoseToken({ headers }: FastifyRequest, identities: IdentityService): Promise<Principal> {
  return identities.authenticate(bearerToken(headers.authorization));
}

/** Finds out who calls, puts them on the request, and holds them to the route's rule. */
@Injectable()
export class BearerGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly identities: IdentityService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, targets) ?? 'admin';
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (access === 'open' || (access === 'local' && isLocal(request))) return true;
    const { caller } = request;
    const isFresh = caller !== undefined && performance.now() - caller.since < BELIEVED_MS;
    request.principal = await (isFresh ? caller.principal : whoseToken(request, this.identities));
    refuse(access, request.principal);
    return true;
  }
}

/** @throws BrokerError `unauthenticated` where the header holds no bearer token. */
export function bearerToken(header: string | undefined): string {
  const token = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(header ?? '')?.[1];
  if (token) return token;
  throw new BrokerError('unauthenticated', 'Send a token, as in `Authorization: Bearer <token>`.');
}

function refuse(access: Access, principal: Principal): void {
  if (access === 'admin' && !isAdmin(principal)) {
    throw new BrokerError('forbidden', 'Only an admin may do this.');
  }
  if ((access === 'reader' || access === 'local') && !mayRead(principal)) {
    throw new BrokerError('forbidden', 'Only a person with a role may read this.');
  }
}

/** A proxy on this machine speaks for others, so what it forwards does not count as local. */
function isLocal({ socket, headers }: FastifyRequest): boolean {
  const forwarded = headers.forwarded ?? headers['x-forwarded-for'];
  const address = socket.remoteAddress ?? '';
  return forwarded === undefined && /^(::ffff:)?127\.|^::1$/.test(address);
}
