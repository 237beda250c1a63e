import { describe, expect, it } from '@jest/globals';
import { ago, cell, record, table } from './table.js';

const NOON = new Date('2026-01-01T12:00:00Z');

describe('table', () => {
  it('aligns its columns and leaves no blanks at the end', () => {
    expect(
      table(
        ['NAME', 'TIER'],
        [
          ['a', 'low'],
          ['longer', 'high'],
        ],
      ),
    ).toBe('NAME    TIER\na       low\nlonger  high\n');
  });

  it('shows its heads where there is nothing', () => {
    expect(table(['NAME'], [])).toBe('NAME\n');
  });
});

describe('record', () => {
  it('gives a line to each field', () => {
    expect(record({ id: 'lease_1', ended: null })).toBe('id     lease_1\nended  -\n');
  });
});

describe('cell', () => {
  it.each([
    [null, '-'],
    [undefined, '-'],
    [true, 'yes'],
    [false, 'no'],
    [0, '0'],
    [['a', 'b'], 'a, b'],
    [[], '-'],
    [{ a: 1 }, '{"a":1}'],
    ['a\nb', 'a\\nb'],
    ['\u001b[31mred', '\\u001b[31mred'],
  ])('shows %j as %s', (value, shown) => {
    expect(cell(value)).toBe(shown);
  });
});

describe('ago', () => {
  it.each([
    ['2026-01-01T11:59:30Z', '30s'],
    ['2026-01-01T11:00:01Z', '59m'],
    ['2026-01-01T02:00:00Z', '10h'],
    ['2025-12-25T12:00:00Z', '7d'],
    ['2026-01-01T12:00:05Z', '0s'],
    [null, '-'],
  ])('tells %s as %s', (time, told) => {
    expect(ago(time, NOON)).toBe(told);
  });
});
