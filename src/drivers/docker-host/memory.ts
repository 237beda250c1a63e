import type { Call } from '../driver.js';
import type { Container } from './container.js';

/**
 * Shell that prints how many processes of its container the kernel has killed for memory since it started, starting
 * none itself. Both generations of control groups are asked; the engine's own flag is about the first process only.
 */
export const TELL_MEMORY_KILLS = `
  for counts in /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; do
    [ -r $counts ] && while read -r name count; do [ $name = oom_kill ] && kills=$count; done < $counts
  done
  echo "\${kills:-0}"`;

export async function memoryKills(container: Container, call: Call): Promise<number> {
  const { stdout } = await container.answer({ argv: ['sh', '-c', TELL_MEMORY_KILLS] }, call);
  return Number.parseInt(stdout.toString(), 10);
}
