import { registerDecorator, type ValidationArguments } from 'class-validator';

/** Checks a field by a function that says what would be right, or nothing where it is. */
export function FieldFault(faultOf: (value: unknown, spec: object) => string | undefined): PropertyDecorator {
  return (target, property) => {
    const fault = (args?: ValidationArguments) => args && faultOf(args.value, args.object);
    registerDecorator({
      name: 'fieldFault',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (_value, args) => fault(args) === undefined,
        defaultMessage: (args) => `$property ${fault(args)}`,
      },
    });
  };
}
