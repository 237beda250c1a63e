import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage, type ValidationError, ValidationTypes, validateSync } from 'class-validator';
import type { FieldFault } from '../domain/errors.js';

export const UNKNOWN_FIELD = 'is not a known field';

/** An object checked against a class's decorators: the instance, or every fault with its path. */
export function check<T extends object>(
  schema: new () => T,
  value: unknown,
  path: string,
): { value: T; faults: [] } | { value: undefined; faults: FieldFault[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { value: undefined, faults: [{ path, message: 'must be an object' }] };
  }
  const faults: FieldFault[] = [];
  const instance = made(schema, value, path, faults);
  const errors = validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    // A class without any field, such as the spec of a local-host, is not unknown.
    forbidUnknownValues: false,
  });
  faults.push(...misshapen(instance, path), ...errors.flatMap((error) => faultsOf(error, path)));
  return faults.length === 0 ? { value: instance, faults: [] } : { value: undefined, faults };
}

/**
 * The instance, with those of its parts. What has no class stays as it came, whatever its keys: class-transformer's
 * `plainToInstance` goes through that as well, and trips over a key that every object inherits, such as `constructor`,
 * or drops it. Where fields are declared such a key is none of them, which class-validator would not see.
 */
function made<T extends object>(schema: new () => T, value: object, path: string, faults: FieldFault[]): T {
  const fields: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    const at = below(path, name);
    if (name in Object.prototype) faults.push({ path: at, message: UNKNOWN_FIELD });
    else if (given !== undefined) fields[name] = part(typeOf(schema, name), given, at, faults);
  }
  return Object.assign(new schema(), fields);
}

/** What `@Type` says of a field. */
function typeOf(schema: new () => object, field: string): (new () => object) | undefined {
  const { typeFunction } = defaultMetadataStorage.findTypeMetadata(schema, field) ?? {};
  return typeFunction?.() as (new () => object) | undefined;
}

function part(
  type: (new () => object) | undefined,
  value: unknown,
  path: string,
  faults: FieldFault[],
): unknown {
  if (type === undefined || typeof value !== 'object' || value === null)
    return type === Number && /^\d+$/.test(String(value)) ? Number(value) : value;
  return Array.isArray(value)
    ? value.map((item, index) => part(type, item, `${path}.${index}`, faults))
    : made(type, value, path, faults);
}

/**
 * What stands where an object of a class belongs and is none, however deep. `ValidateNested` takes a list for its items,
 * so that an empty one passes for any object.
 */
function misshapen(instance: object, parent: string): FieldFault[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(
    Object.getPrototypeOf(instance).constructor,
    '',
    false,
    false,
  );
  const isAsked = (property: string, value: unknown) =>
    rules
      .filter(({ type, propertyName }) => type === CONDITIONAL_VALIDATION && propertyName === property)
      .every(({ constraints: [condition] }) => condition(instance, value));
  return rules
    .filter(({ type }) => type === NESTED_VALIDATION)
    .flatMap(({ propertyName: property, each }) => {
      const value: unknown = Reflect.get(instance, property);
      if (!isAsked(property, value) || (each && !Array.isArray(value))) return [];
      const parts: [path: string, part: unknown][] = each
        ? (value as unknown[]).map((part, index) => [`${property}.${index}`, part])
        : [[property, value]];
      return parts.flatMap(([path, part]) => {
        const whole = below(parent, path);
        const isObject = typeof part === 'object' && part !== null && !Array.isArray(part);
        return isObject ? misshapen(part, whole) : [{ path: whole, message: 'must be an object' }];
      });
    });
}

const { NESTED_VALIDATION, CONDITIONAL_VALIDATION } = ValidationTypes;

function faultsOf(
  { property, constraints = {}, children = [] }: ValidationError,
  parent: string,
): FieldFault[] {
  const path = below(parent, property);
  const own = Object.entries(constraints)
    .filter(([rule]) => rule !== NESTED_VALIDATION) // `misshapen` says it
    .map(([, message]) => ({ path, message: withoutName(message, property) }));
  return [...own, ...children.flatMap((child) => faultsOf(child, path))];
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The path says which field; the message then says only what would be right. */
function withoutName(message: string, property: string): string {
  if (/^property .* should not exist$/.test(message)) return UNKNOWN_FIELD;
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
