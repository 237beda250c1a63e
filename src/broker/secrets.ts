import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Seals what is stored secret (AES-256-GCM). */
export class Secrets {
  /** @param key 32 bytes */
  constructor(private readonly key: Buffer) {}

  /** What `open` gives back: nonce, tag and ciphertext in one. */
  seal(text: string): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv);
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
  }

  /** @throws where the key is another one, or the bytes were changed */
  open(sealed: Buffer): string {
    const decipher = createDecipheriv('aes-256-gcm', this.key, sealed.subarray(0, IV_BYTES));
    decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString(
      'utf8',
    );
  }

  /** Whether it is this text that was sealed; also not where the key is another one by now. */
  holds(sealed: Buffer, text: string): boolean {
    try {
      return this.open(sealed) === text;
    } catch {
      return false;
    }
  }

  /** Tells texts apart without telling anything of them: whoever has no key can't try what a short secret may be. */
  fingerprint(text: string): Buffer {
    return createHmac('sha256', this.key).update(`fingerprint\n${text}`).digest();
  }
}

/** A new bearer token: 256 random bits. */
export function newToken(): string {
  return `berth_${randomBytes(32).toString('base64url')}`;
}

/**
 * What is stored of a token. A plain hash is enough, because tokens are random and not chosen by people; looking one up
 * by its hash compares nothing secret in the broker.
 */
export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
