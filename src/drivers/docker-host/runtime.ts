/** Runtimes whose containers send by the kernel of their network namespace. */
const RULED = ['runc', 'crun', 'io.containerd.runc.v2'];

/** Whether the rules of a network namespace bind what runs in it; other runtimes bring a stack that goes past them. */
export function isRuled(runtime: string): boolean {
  return RULED.includes(runtime);
}
