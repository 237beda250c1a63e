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
