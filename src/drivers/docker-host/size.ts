const UNITS = { k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 } as const;
const PATTERN = /^([1-9]\d{0,5})(k|m|g|t)$/;

/** Bytes of a size such as `256m` or `1g`, in the engine's own units of 1024; undefined where the text is none. */
export function parseSize(text: string): number | undefined {
  const match = PATTERN.exec(text);
  return match ? Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] : undefined;
}
