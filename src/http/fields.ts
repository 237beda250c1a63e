import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { JSONSchema } from 'class-validator-jsonschema';
import { DURATION_PATTERN, durationFault } from '../domain/duration.js';
import { SHORTEST_SECRET_BYTES, secretsFault } from '../domain/mask.js';
import { NAME } from '../domain/name.js';

export { Optional } from '../broker/declarations.js';

/**
 * The kinds of fields that requests are made of. Each checks its value, says what would be right, and describes itself
 * in the OpenAPI document, so that the three can't part.
 */

export const NAME_MESSAGE = 'must be a DNS label: 1 to 63 of a-z, 0-9 and -, with no - at either end';
const DURATION_MESSAGE = 'must be a duration such as 30s, 10m, 1h or 2d';
const LIST_MAX = 1000;

export const NameField = (description: string) =>
  all(Matches(NAME, { message: NAME_MESSAGE }), JSONSchema({ description, type: 'string' }));

export const NameList = (description: string) =>
  all(
    IsArray({ message: 'must be a list of names' }),
    ArrayMaxSize(LIST_MAX, { message: `must have at most ${LIST_MAX} names` }),
    Matches(NAME, { each: true, message: `each ${NAME_MESSAGE}` }),
    JSONSchema({ description, type: 'array', items: { type: 'string', pattern: NAME.source } }),
  );

/** At least a second. */
export const DurationField = (description: string) =>
  all(
    Matches(new RegExp(DURATION_PATTERN), { message: DURATION_MESSAGE }),
    ValidateBy(
      { name: 'lasts', validator: { validate: (value) => durationFault(value, 1) === undefined } },
      { message: ({ value }) => durationFault(value, 1) ?? '' },
    ),
    JSONSchema({ description, type: 'string' }),
  );

export const Choice = (values: readonly string[], description: string) =>
  all(IsIn([...values], { message: `must be one of ${values.join(', ')}` }), JSONSchema({ description }));

export const Whole = (min: number, max: number, description: string) =>
  all(
    ...[IsInt, (o: object) => Min(min, o), (o: object) => Max(max, o)].map((check) =>
      check({ message: `must be a whole number from ${min} to ${max}` }),
    ),
    JSONSchema({ description, type: 'integer' }),
  );

/** The same in a query, where it comes as text. */
export const WholeText = (min: number, max: number, description: string) =>
  all(
    Type(() => Number),
    Whole(min, max, description),
  );

export const Text = (maxLength: number, description: string, minLength = 1) =>
  all(
    ...[IsString, (o: object) => MinLength(minLength, o), (o: object) => MaxLength(maxLength, o)].map(
      (check) => check({ message: `must be text of ${minLength} to ${maxLength} characters` }),
    ),
    JSONSchema({ description }),
  );

export const TextList = (maxItems: number, maxLength: number, description: string) =>
  all(
    IsArray({ message: 'must be a list of texts' }),
    ArrayMaxSize(maxItems, { message: `must have at most ${maxItems} items` }),
    IsString({ each: true, message: 'must be a list of texts' }),
    MaxLength(maxLength, { each: true, message: `must have items of at most ${maxLength} characters` }),
    JSONSchema({ description, type: 'array', items: { type: 'string' } }),
  );

export const Flag = (description: string) =>
  all(IsBoolean({ message: 'must be true or false' }), JSONSchema({ description }));

/** Any JSON object; whoever knows its shape checks it further on. */
export const Facts = (description: string) =>
  all(
    IsObject({ message: 'must be an object' }),
    JSONSchema({ description, type: 'object', additionalProperties: true }),
  );

/** One object of its own class. */
export const Part = (type: () => new () => object, description: string) =>
  all(
    IsObject({ message: 'must be an object' }),
    ValidateNested(),
    Type(type),
    JSONSchema(() => ({ $ref: reference(type), description })),
  );

/** A list of objects of one class. */
export const Parts = (type: () => new () => object, description: string) =>
  all(
    IsArray({ message: 'must be a list' }),
    ArrayMaxSize(LIST_MAX, { message: `must have at most ${LIST_MAX} items` }),
    ValidateNested({ each: true }),
    Type(type),
    JSONSchema((own) => ({ ...own, description, items: { $ref: reference(type) } })),
  );

/** Names and values of environment variables. */
export const Environment = (description: string) =>
  all(
    ValidateBy(
      { name: 'isEnvironment', validator: { validate: isEnvironment } },
      { message: ENVIRONMENT_IS },
    ),
    JSONSchema(() => ({ description, type: 'object', additionalProperties: { type: 'string' } })),
  );

/** How secrets differ from what else is given as environment, for a field's description. */
export const SECRETS_ARE =
  'of which nothing is ever shown: sealed where it is kept, and `***` in output. Values of 6 bytes to 16 KiB, together at ' +
  'most that; each line of one is masked, too.';

/** The same, of secrets. */
export const SecretEnvironment = (description: string) =>
  all(
    ValidateBy(
      { name: 'isSecret', validator: { validate: (value) => isEnvironment(value) && !secretsFault(value) } },
      { message: ({ value }) => (isEnvironment(value) ? secretsFault(value) : undefined) ?? ENVIRONMENT_IS },
    ),
    JSONSchema(() => ({
      description,
      type: 'object',
      additionalProperties: { type: 'string', minLength: SHORTEST_SECRET_BYTES },
    })),
  );

const ENVIRONMENT_IS = 'must map names such as CI_JOB (A-Z, a-z, 0-9, _) to texts';

function isEnvironment(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(
      ([name, text]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && typeof text === 'string',
    )
  );
}

function reference(type: () => new () => object): string {
  return `#/components/schemas/${type().name}`;
}

type FieldDecorator = (target: object, property: string) => void;

function all(...decorators: FieldDecorator[]): FieldDecorator {
  return (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };
}
