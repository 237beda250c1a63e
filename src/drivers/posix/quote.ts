/**
 * One word for a POSIX shell, whatever is in it. Single quotes, because nothing is special between them; a quote itself
 * is put in from outside of them.
 */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
