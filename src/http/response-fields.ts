import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';

/** The kinds of fields that answers are made of, as the OpenAPI document describes them. */

type Options = Omit<ApiPropertyOptions, 'type' | 'description'> & { type?: 'string' | 'integer' | 'boolean' };

/** Always there; its type is that of the property. */
export const Field = (description?: string, options: Options = {}) =>
  ApiProperty({ description, ...options } as ApiPropertyOptions);

/** Left out where there is nothing to say. */
export const Maybe = (description?: string, options: Options = {}) =>
  ApiPropertyOptional({ description, ...options } as ApiPropertyOptions);

/** Always there, null where there is nothing to say. */
export const Nullable = (type: 'string' | 'integer', description?: string) =>
  ApiProperty({ description, type, nullable: true });

export const When = (description?: string) => ApiProperty({ description, type: Date });
export const MaybeWhen = (description?: string) => ApiPropertyOptional({ description, type: Date });
export const NullableWhen = (description?: string) =>
  ApiProperty({ description, type: Date, nullable: true });

export const OneOf = (values: readonly string[], description?: string) =>
  ApiProperty({ description, type: String, enum: [...values] });
export const MaybeOneOf = (values: readonly string[], description?: string) =>
  ApiPropertyOptional({ description, type: String, enum: [...values] });

export const Strings = (description?: string) => ApiProperty({ description, type: [String] });

/** An object whose fields depend on the driver or the event. */
export const Anything = (description?: string) =>
  ApiProperty({ description, type: 'object', additionalProperties: true });
export const MaybeAnything = (description?: string) =>
  ApiPropertyOptional({ description, type: 'object', additionalProperties: true });
