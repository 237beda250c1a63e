/** Stored secrets by name, as drivers may ask for them. They are fetched for each use and kept nowhere else. */
export interface CredentialSource {
  /** @throws DriverError `not-found` where no credential has that name. */
  get(name: string): Promise<Credential>;
}

export interface Credential {
  /** `ssh-key`: the secret is a private key; `basic`: a password or token. */
  kind: 'ssh-key' | 'basic';
  username?: string;
  secret: string;
  /**
   * Hosts that a `basic` one may be sent to, as in an address: `git.example.org` or `git.example.org:8443`. A lease
   * names the addresses itself, so without this list any server could ask for the password: absent, it goes to none.
   */
  hosts?: string[];
}
