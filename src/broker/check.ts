import { plainToInstance } from 'class-transformer';
import { type ValidationError, validateSync } from 'class-validator';
import type { FieldFault } from '../domain/errors.js';

/** An object checked against a class's decorators: the instance, or every fault with its path. */
export function check<T extends object>(
  schema: new () => T,
  value: unknown,
  path: string,
): { value: T; faults: [] } | { value: undefined; faults: FieldFault[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { value: undefined, faults: [{ path, message: 'must be an object' }] };
  }
  const instance = plainToInstance(schema, value, { exposeDefaultValues: true });
  const errors = validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    // A class without any field, such as the spec of a local-host, is not unknown.
    forbidUnknownValues: false,
  });
  const faults = errors.flatMap((error) => faultsOf(error, path));
  return faults.length === 0 ? { value: instance, faults: [] } : { value: undefined, faults };
}

function faultsOf(
  { property, constraints = {}, children = [] }: ValidationError,
  parent: string,
): FieldFault[] {
  const path = parent === '' ? property : `${parent}.${property}`;
  const own = Object.values(constraints).map((message) => ({
    path,
    message: withoutName(message, property),
  }));
  return [...own, ...children.flatMap((child) => faultsOf(child, path))];
}

/** The path says which field; the message then says only what would be right. */
function withoutName(message: string, property: string): string {
  if (/^property .* should not exist$/.test(message)) return 'is not a known field';
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
