import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { IdentityService } from '../broker/identity.service.js';
import { isAdmin, mayRead, type Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import { ACCESS, type Access } from './access.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whoever calls; absent on open routes. */
    principal?: Principal;
  }
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
    request.principal = await this.identities.authenticate(bearerToken(request.headers.authorization));
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
