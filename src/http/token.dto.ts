import { pageOf } from './page.dto.js';
import { Field, NullableWhen, When } from './response-fields.js';

export class NewToken {
  @Field() id!: string;
  @Field('The token itself. It is shown this once.') token!: string;
}

export class Token {
  @Field() id!: string;
  @When() createdAt!: Date;
  @NullableWhen() lastUsedAt!: Date | null;
}

export class TokenPage extends pageOf(Token) {}

export function toToken({ id, createdAt, lastUsedAt }: Token): Token {
  return { id, createdAt, lastUsedAt };
}
