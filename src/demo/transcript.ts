import { styleText } from 'node:util';

/** Where the times stand. */
const WIDTH = 108;
const WORD = 11;
const INDENT = '   ';

type Line = [word: string, text: string];

/**
 * What one reads while the demonstration runs: numbered steps, and under each a line for what was done, with its time.
 * Once it is stopped nothing more is begun or said, so that all there is can be taken away.
 */
export class Transcript {
  private steps = 0;

  constructor(
    private readonly out: NodeJS.WriteStream,
    private readonly stop?: AbortSignal,
  ) {}

  step(title: string): void {
    this.print(`\n${this.paint('bold', `${String(++this.steps).padStart(2)} ${title}`)}`);
  }

  /** Does it, and says what was done in the words of `line`. */
  async did<T>(act: () => Promise<T>, line: (result: T) => Line): Promise<T> {
    this.stop?.throwIfAborted();
    const started = performance.now();
    const result = await act();
    this.stop?.throwIfAborted();
    this.line('✓', line(result), performance.now() - started);
    return result;
  }

  /** What went wrong. */
  failed(word: string, message: string): void {
    this.line('✗', [word, message]);
  }

  /** Something to know that was not done just now. */
  note(text: string): void {
    this.print(`${INDENT}  ${text}`);
  }

  /** What a command wrote, or rows that belong to the line above. */
  block(text: string): void {
    for (const row of text.replace(/\n$/, '').split('\n')) {
      if (row !== '')
        this.print(`${INDENT}  ${' '.repeat(WORD)} ${this.paint('dim', `│ ${printable(row)}`)}`);
    }
  }

  print(text: string): void {
    this.out.write(`${text}\n`);
  }

  private line(mark: '✓' | '✗', [word, text]: Line, ms?: number): void {
    const start = `${INDENT}${mark} ${word.padEnd(WORD)} ${text}`;
    const time = ms === undefined ? '' : `${Math.round(ms).toLocaleString('en')} ms`;
    const line = `${start.padEnd(WIDTH - time.length - 1)} ${this.paint('dim', time)}`.trimEnd();
    this.print(line.replace(mark, this.paint(mark === '✓' ? 'green' : 'red', mark)));
  }

  private paint(style: 'bold' | 'dim' | 'green' | 'red', text: string): string {
    return this.out.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text;
  }
}

/** Columns as wide as their widest cell. */
export function columns(rows: string[][]): string {
  const widths = rows.reduce<number[]>(
    (found, cells) => cells.map((cell, index) => Math.max(found[index] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((cells) =>
      cells
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a lease wrote does not steer the terminal. */
function printable(row: string): string {
  return row.replace(/\t/g, '  ').replace(/\p{Cc}/gu, '?');
}
