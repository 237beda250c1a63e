import type { Type } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { IS_OBJECT } from 'class-validator';
import { targetConstructorToSchema, validationMetadatasToSchemas } from 'class-validator-jsonschema';

export type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;
export type SchemaObject = Exclude<Schemas[string], { $ref: string }>;

const OPTIONS = {
  // What the items of an array are stands only in class-transformer's `@Type`.
  classTransformerMetadataStorage: defaultMetadataStorage,
  refPointerPrefix: '#/components/schemas/',
  additionalConverters: { [IS_OBJECT]: { type: 'object' as const, additionalProperties: true } },
};

/**
 * Schemas of the request bodies named in `wanted` and of all that they refer to, from what the validators check. The
 * document so can't ask for anything else than the broker does.
 */
export function requestSchemas(wanted: string[]): Schemas {
  const all = validationMetadatasToSchemas(OPTIONS) as Schemas; // two libraries, each with its own types of one format
  const found: Schemas = {};
  for (const names = [...wanted]; names.length > 0; ) {
    const name = names.pop() ?? '';
    const schema = all[name];
    if (!schema || found[name]) continue;
    found[name] = { ...schema, additionalProperties: false };
    names.push(...referencesIn(schema));
  }
  return found;
}

/** What the validators of one class check, without what it refers to. */
export function requestSchema(type: Type<unknown>): SchemaObject {
  return targetConstructorToSchema(type, OPTIONS) as SchemaObject;
}

function referencesIn(schema: unknown): string[] {
  return [...JSON.stringify(schema).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name ?? '',
  );
}

/** Fields of a declaration mean what the fields of the same name mean in the answer; said once, there. */
export function borrowDescriptions(schemas: Schemas, declared: string, answered: string): void {
  const fields = Object.entries(propertiesOf(schemas[declared]));
  const meanings = propertiesOf(schemas[answered]);
  for (const [name, field] of fields) {
    const meaning = meanings[name];
    if (meaning && 'description' in meaning) Object.assign(field, { description: meaning.description });
  }
}

function propertiesOf(schema: Schemas[string] | undefined): Schemas {
  return schema && !('$ref' in schema) ? (schema.properties ?? {}) : {};
}
