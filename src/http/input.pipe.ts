import { type ArgumentMetadata, Injectable, type PipeTransform, type Type } from '@nestjs/common';
import { check } from '../broker/check.js';
import { BrokerError, type FieldFault } from '../domain/errors.js';
import { unsafeInput } from './unsafe-input.js';

/** Every body, query and parameter passes here before a controller sees it. */
@Injectable()
export class InputPipe implements PipeTransform {
  transform(input: unknown, { type, metatype, data }: ArgumentMetadata): unknown {
    if (type === 'custom') return input;
    const unsafe = unsafeInput(input, data === '*' ? 'path' : data);
    if (unsafe) throw malformed([unsafe]);
    return isDto(metatype) ? validated(metatype, input ?? {}) : input;
  }
}

/** The input as an instance of its class. @throws BrokerError `malformed` naming each faulty field. */
export function validated<T extends object>(type: Type<T>, input: unknown, root = ''): T {
  const { value, faults } = check(type, input, root);
  if (value) return value;
  // The checks of a field build on each other, so the first that fails says it; the rest follow from it.
  throw malformed(faults.filter(({ path }, index) => faults.findIndex((one) => one.path === path) === index));
}

export function malformed(errors: FieldFault[]): BrokerError {
  const named = errors.map(({ path, message }) =>
    path === '' ? `the body ${message}` : `${path} ${message}`,
  );
  const more = named.length > 1 ? `, and ${named.length - 1} more` : '';
  return new BrokerError('malformed', `The request is malformed: ${named[0]}${more}.`, { errors });
}

const PLAIN: unknown[] = [undefined, Object, String, Number, Boolean, Array];

function isDto(metatype: ArgumentMetadata['metatype']): metatype is Type<object> {
  return !PLAIN.includes(metatype);
}
