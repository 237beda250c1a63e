import type { Principal, Role } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import type { ConsumerStore } from '../store/consumer.store.js';
import type { EventStore } from '../store/event.store.js';
import type { IdentityStore, Person, TokenOwner, TokenRow } from '../store/identity.store.js';
import type { Page, PageRequest } from '../store/page.js';
import { newId } from './ids.js';
import { newToken, tokenHash } from './secrets.js';

/** The person that the admin's token of the data directory belongs to. */
export const FIRST_ADMIN = 'admin';

export class IdentityService {
  constructor(
    private readonly identities: IdentityStore,
    private readonly consumers: ConsumerStore,
    private readonly events: EventStore,
  ) {}

  /** Whose token it is. */
  async authenticate(token: string): Promise<Principal> {
    const principal = await this.identities.principal(tokenHash(token));
    if (!principal) throw new BrokerError('unauthenticated', 'The token is not known here, or was revoked.');
    return principal;
  }

  /**
   * Makes the first admin and lets this token be theirs, at each start. What an earlier start took from the environment
   * is no longer valid.
   */
  async welcomeAdmin(token: string, { fromEnvironment }: { fromEnvironment: boolean }): Promise<void> {
    if (!(await this.identities.person(FIRST_ADMIN)))
      await this.identities.putPerson(FIRST_ADMIN, [{ role: 'admin' }]);
    await this.identities.setInitialToken(newId('tok'), FIRST_ADMIN, tokenHash(token), fromEnvironment);
  }

  async putPerson(name: string, roles: Role[], by: Principal): Promise<{ created: boolean; person: Person }> {
    const created = await this.identities.putPerson(name, roles);
    await this.events.record([
      { kind: created ? 'person.created' : 'person.updated', principal: by.name, data: { name, roles } },
    ]);
    return { created, person: await this.person(name) };
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
    if (!(await this.identities.removePerson(name)))
      throw new BrokerError('not-found', `There is no person ${name}.`);
    await this.events.record([{ kind: 'person.removed', principal: by.name, data: { name } }]);
  }

  /** A new token, shown this once: only its hash is kept. */
  async createToken(
    owner: TokenOwner,
    by: Principal,
    id: string = newId('tok'),
  ): Promise<{ id: string; token: string }> {
    await this.mustExist(owner);
    const token = newToken();
    await this.identities.addToken(id, owner, tokenHash(token));
    await this.events.record([
      { kind: 'token.created', ...about(owner), principal: by.name, data: { id, owner } },
    ]);
    return { id, token };
  }

  async tokens(owner: TokenOwner): Promise<TokenRow[]> {
    await this.mustExist(owner);
    return this.identities.tokens(owner);
  }

  async revokeToken(owner: TokenOwner, id: string, by: Principal): Promise<void> {
    if (!(await this.identities.revokeToken(owner, id)))
      throw new BrokerError('not-found', `There is no token ${id} of ${owner.name}.`);
    await this.events.record([
      { kind: 'token.revoked', ...about(owner), principal: by.name, data: { id, owner } },
    ]);
  }

  private async mustExist({ kind, name }: TokenOwner): Promise<void> {
    const found = kind === 'person' ? await this.identities.person(name) : await this.consumers.get(name);
    if (!found) throw new BrokerError('not-found', `There is no ${kind} ${name}.`);
  }
}

function about({ kind, name }: TokenOwner): { consumer?: string } {
  return kind === 'consumer' ? { consumer: name } : {};
}
