import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

/**
 * Who may call a route. What depends on the thing itself (whose lease it is, an approver's tiers) is decided by the
 * broker, which knows it. A route that says nothing is for admins: a rule that was forgotten denies.
 */
export type Access = 'open' | 'local' | 'anyone' | 'reader' | 'admin';

export const ACCESS = 'berth:access';
/** The same in the OpenAPI document, from which the answers 401 and 403 are added. */
export const ACCESS_EXTENSION = 'x-berth-access';

/** Without a token. */
export const Open = () => access('open');
/** Without a token from this machine, like `Reader` from elsewhere. */
export const Local = () => access('local');
/** Every principal, consumers included. */
export const Anyone = () => access('anyone');
/** Every person with a role. */
export const Reader = () => access('reader');
/** Admins only. */
export const Admin = () => access('admin');

function access(level: Access): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(ACCESS, level), ApiExtension(ACCESS_EXTENSION, level));
}
