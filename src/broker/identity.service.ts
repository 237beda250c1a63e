import { isAdmin, type Principal, type Role } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import type { ConsumerStore } from '../store/consumer.store.js';
import type { IdentityStore, Person, TokenOwner, TokenRow } from '../store/identity.store.js';
import type { Page, PageRequest } from '../store/page.js';
import { newId } from './ids.js';
import { newToken, tokenHash } from './secrets.js';

/** The person that the admin's token of the data directory belongs to. */
const FIRST_ADMIN = 'admin';

export class IdentityService {
  constructor(
    private readonly identities: IdentityStore,
    private readonly consumers: ConsumerStore,
  ) {}

  /** Whose token it is. */
  async authenticate(token: string): Promise<Principal> {
    const principal = await this.identities.principal(tokenHash(token));
    if (!principal) throw new BrokerError('unauthenticated', 'The token is not known here, or was revoked.');
    return principal;
  }

  /**
   * Makes the first admin and lets this token be theirs, at each start; where no admin is left who could call, they have
   * the role again. What an earlier start took from the environment is no longer valid.
   */
  async welcomeAdmin(token: string, { fromEnvironment }: { fromEnvironment: boolean }): Promise<void> {
    await this.identities.setInitialToken(newId('tok'), FIRST_ADMIN, tokenHash(token), fromEnvironment);
    await this.identities.welcomeAdmin(FIRST_ADMIN);
  }

  async putPerson(name: string, roles: Role[], by: Principal): Promise<{ created: boolean; person: Person }> {
    const isSelf = by.kind === 'person' && by.name === name;
    if (isSelf && isAdmin(by) && !isAdmin({ ...by, roles }))
      throw new BrokerError('conflict', 'You can not take the role admin from yourself; another admin can.');
    const done = await this.identities.putPerson(name, roles, by.name);
    if (done === 'last-admin') throw lastAdmin(name);
    return { created: done === 'created', person: await this.person(name) };
  }

  async person(name: string): Promise<Person> {
    const person = await this.identities.person(name);
    if (!person) throw new BrokerError('not-found', `There is no person ${name}.`);
    return person;
  }

  people(page: PageRequest): Promise<Page<Person>> {
    return this.identities.people(page);
  }

  async removePerson(name: string, by: Principal): Promise<void> {
    if (by.kind === 'person' && by.name === name)
      throw new BrokerError('conflict', 'You can not remove yourself.');
    const done = await this.identities.removePerson(name, by.name);
    if (done === 'last-admin') throw lastAdmin(name);
    if (done === 'absent') throw new BrokerError('not-found', `There is no person ${name}.`);
  }

  /**
   * A new token, shown this once: only its hash is kept.
   *
   * @throws BrokerError `conflict` where the id is taken: its first answer, with the token, was lost or is under way
   */
  async createToken(
    owner: TokenOwner,
    by: Principal,
    id: string = newId('tok'),
  ): Promise<{ id: string; token: string }> {
    await this.mustExist(owner);
    const token = newToken();
    if (!(await this.identities.addToken(id, owner, tokenHash(token), by.name)))
      throw new BrokerError(
        'conflict',
        `Token ${id} was made under this Idempotency-Key, but its answer is lost or under way; revoke it and use a new key.`,
      );
    return { id, token };
  }

  async tokens(owner: TokenOwner): Promise<TokenRow[]> {
    await this.mustExist(owner);
    return this.identities.tokens(owner);
  }

  async revokeToken(owner: TokenOwner, id: string, by: Principal): Promise<void> {
    if (!(await this.identities.revokeToken(owner, id, by.name)))
      throw new BrokerError('not-found', `There is no token ${id} of ${owner.name}.`);
  }

  private async mustExist({ kind, name }: TokenOwner): Promise<void> {
    const found = kind === 'person' ? await this.identities.person(name) : await this.consumers.get(name);
    if (!found) throw new BrokerError('not-found', `There is no ${kind} ${name}.`);
  }
}

function lastAdmin(name: string): BrokerError {
  return new BrokerError('conflict', `${name} is the last admin; give someone else the role first.`);
}
