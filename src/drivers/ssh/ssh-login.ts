/** One SSH login on one machine: what tells connections apart. */
export interface SshLogin {
  name: string;
  address: string;
  port: number;
  /** `ssh-ed25519 AAAA…`; nothing is sent to a server that shows another key. */
  hostKey: string;
  user: string;
  credential: string;
}

/** Tells logins apart: whoever has the same may use what the other has opened. */
export function loginKey({ address, port, hostKey, user, credential }: SshLogin): string {
  return JSON.stringify([address, port, hostKey, user, credential]);
}

/** A server's public key as ssh-keyscan prints it, without the name of the host. */
export const HOST_KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}$/;
export const HOST_KEY_IS =
  'must be the public key of the server, such as "ssh-ed25519 AAAA…", as ssh-keyscan prints it';
