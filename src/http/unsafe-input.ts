import type { FieldFault } from '../domain/errors.js';

/** Deepest nesting of a body. */
export const MAX_DEPTH = 64;

/**
 * The first thing in the input that could not be stored, or would reach further than it says: text with NUL or half a
 * surrogate pair (PostgreSQL takes neither), nesting past `MAX_DEPTH`, a key `__proto__`. Walked with a list of its
 * own, because a recursion would be the fault that it looks for.
 */
export function unsafeInput(input: unknown, root = ''): FieldFault | undefined {
  const left = [{ value: input, path: root, depth: 0 }];
  for (let item = left.pop(); item; item = left.pop()) {
    const { value, path, depth } = item;
    if (typeof value === 'string') {
      if (!isStorable(value)) return { path, message: 'must be text without NUL and unpaired surrogates' };
    } else if (typeof value === 'object' && value !== null) {
      if (depth >= MAX_DEPTH) return { path, message: `must not be nested more than ${MAX_DEPTH} deep` };
      for (const [key, child] of Object.entries(value)) {
        if (key === '__proto__' || !isStorable(key))
          return { path, message: 'has a key that can not be used' };
        left.push({ value: child, path: path === '' ? key : `${path}.${key}`, depth: depth + 1 });
      }
    }
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
