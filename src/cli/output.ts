import { record } from './table.js';

/** Prints an answer: as JSON where that was asked for, and else as people read it. */
export function print<T extends object>(
  { json }: { json?: boolean },
  answer: T,
  render: (answer: T) => string = record,
): void {
  process.stdout.write(json ? `${JSON.stringify(answer, null, 2)}\n` : render(answer));
}

/** Something to say beside the answer. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
