import { describe, expect, it } from '@jest/globals';
import { Mask } from './mask.js';

const bytes = (...pieces: (string | number[])[]) =>
  Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));

describe('a mask', () => {
  it('shows *** for a secret, and for two that overlap, touch or contain each other once', () => {
    const mask = new Mask(['first-secret', 'secret-second', 'secret']);
    expect(mask.text('a first-secret, first-secret-second, secretsecret and secre')).toBe(
      'a ***, ***, *** and secre',
    );
  });

  it('shows it for each line of a secret, however its lines end, but not for short ones', () => {
    const mask = new Mask(['-----BEGIN KEY-----\r\n  bGluZSBvbmU=\nend\n']);
    expect(mask.text('key: bGluZSBvbmU= end -----BEGIN KEY-----')).toBe('key: *** end ***');
  });

  it('leaves everything where no secret is long enough', () => {
    const mask = new Mask(['', 'short']);
    expect([mask.isEmpty, mask.text('short')]).toEqual([true, 'short']);
  });

  it('finds what comes byte by byte, among bytes that are no text', () => {
    const stream = new Mask(['geheimnis-für-alle']).stream();
    const output = bytes([0, 255, 192], 'geheimnis-für-alle', [0, 195]);
    const shown = Buffer.concat([...[...output].map((byte) => stream.take(Buffer.of(byte))), stream.end()]);
    expect(shown).toEqual(bytes([0, 255, 192], '***', [0, 195]));
  });

  it('passes on at once what begins no secret, and what a secret covers', () => {
    const stream = new Mask(['password', 'passwordless']).stream();
    expect(stream.take(bytes('your pass')).toString()).toBe('your ');
    expect(stream.take(bytes('word')).toString()).toBe('***');
    expect(stream.take(bytes('less, pas')).toString()).toBe(', ');
    expect(stream.take(bytes('s')).toString()).toBe('');
    expect(stream.end().toString()).toBe('pass');
  });

  it('copies nothing of a piece in which nothing is secret', () => {
    const piece = bytes('nothing to see');
    for (const secrets of [['geheimnis'], []]) {
      const shown = new Mask(secrets).stream().take(piece);
      expect(shown).toEqual(piece);
      expect([shown.buffer, shown.byteOffset]).toEqual([piece.buffer, piece.byteOffset]);
    }
  });
});
