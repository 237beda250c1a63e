import { type Call, DriverError } from '../driver.js';
import type { Container } from './container.js';
import { FIND_IDLE } from './idle.js';

/** Time that each way of ending processes has to show that it did, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Time in which what is about to end does, in milliseconds. */
const SETTLING_MS = 2_000;

/** Init, the idle shell and its lane. */
export const RESIDENTS = 3;

/** Of these, init and the idle shell outlive the end of everything else. */
const SURVIVORS = 2;

/**
 * Reads every process once without starting any, into `all` as id:parent:session. Left out are what has ended, init,
 * the idle shell, and this script (session `$$`; 0 is the runtime on its way into it).
 */
const LOOK = `
    all=
    for process in /proc/[0-9]*; do
      read -r line 2> /dev/null < $process/stat || continue
      set -- \${line##*) }
      case $1 in Z | X) continue ;; esac
      case $4 in 0 | $$) continue ;; esac
      case $process in /proc/1 | /proc/$idle) ;; *) all="$all\${process#/proc/}:$2:$4 " ;; esac
    done`;

/** Rounds of looking and killing, while processes end or new ones appear. */
const ROUNDS = 200;

/**
 * Ends the processes whose environment has the mark `$0`, their descendants and their sessions, in case one of them
 * cleared its environment. Exit 0 says that a last look found none.
 */
const END_COMMAND = `${FIND_IDLE}
  round=0
  while [ $round -lt ${ROUNDS} ]; do
    round=$((round + 1)) doomed=' '
    ${LOOK}
    for process in $(grep -lsxzF "$0" /proc/[0-9]*/environ); do
      process=\${process%/environ}
      doomed="$doomed\${process#/proc/} "
    done
    before=
    while [ "$before" != "$doomed" ]; do
      before=$doomed
      for process in $all; do
        id=\${process%%:*}
        session=\${process##*:}
        parent=\${process#*:}
        parent=\${parent%:*}
        case $doomed in *" $id "* | *" $parent "* | *" $session "*) ;; *) continue ;; esac
        case $doomed in *" $id "*) ;; *) doomed="$doomed$id " ;; esac
        case $doomed in *" $session "*) ;; *) doomed="$doomed$session " ;; esac
      done
    done
    [ "$doomed" = ' ' ] && exit 0
    kill -KILL $doomed 2> /dev/null
  done
  exit 1`;

/**
 * Ends every process; exit 0 as above. Last the lane, which what ran here could have made its own, and before it the
 * supervisors, which have yet to say how their commands ended: these end by themselves, if they are let.
 */
const END_ALL = `${FIND_IDLE}
  round=0
  while [ $round -lt ${ROUNDS} ]; do
    round=$((round + 1)) doomed= spared=
    ${LOOK}
    for process in $all; do
      case $process in
        *:1) spared="$spared\${process%%:*} " ;;
        *) doomed="$doomed\${process%%:*} " ;;
      esac
    done
    if [ -z "$doomed" ]; then
      set -- $spared
      [ $# = 0 ] && exit 0
      [ $# -gt 1 ] && [ $round -lt ${ROUNDS / 2} ] && continue
      doomed=$spared
    fi
    kill -KILL $doomed 2> /dev/null
  done
  exit 1`;

/** How far it had to go to end processes; all but the first touch more than was meant. */
export type Ended = 'alone' | 'with-every-process' | 'with-the-container';

/** Ends a command's whole tree, whatever it takes. */
export function endCommand(container: Container, commandId: string): Promise<Ended> {
  return end(container, END_COMMAND, `BERTH_COMMAND=${commandId}`);
}

/** Ends what a lease left running, whatever it takes: everything, for a container holds one lease at a time. */
export function endLease(container: Container): Promise<Ended> {
  return end(container, END_ALL, 'all');
}

/**
 * Three ways, each surer than the one before: a look at every process, for which a fork bomb may leave no room; the
 * idle process, which needs none, but which the lease's own user could have stopped; the engine.
 */
async function end(container: Container, script: string, mark: string): Promise<Ended> {
  const call = () => ({ signal: AbortSignal.timeout(PATIENCE_MS) });
  const looked = await container
    .answerByEngine({ argv: ['sh', '-c', script, mark] }, call())
    .catch(undefinedIfRefused);
  if (looked?.exitCode === 0) return 'alone';
  if (await endAll(container, call()).catch(undefinedIfRefused)) return 'with-every-process';
  await restart(container, call());
  return 'with-the-container';
}

/** What can't be done one way is done the next; only the last one's fault counts. */
function undefinedIfRefused(fault: unknown): undefined {
  if (!(fault instanceof DriverError)) throw fault;
}

async function endAll(container: Container, call: Call): Promise<true> {
  await container.ask(call, (it, abortSignal) => it.kill({ signal: 'SIGUSR1', abortSignal }));
  while ((await countProcesses(container, call)) > SURVIVORS);
  return true;
}

/**
 * How many processes are in a container in which nothing is asked to run: counted until they are no more than the
 * residents, or for two seconds. A lane that is just starting has a child for a moment, and so has one whose command has
 * just said how it ended.
 */
export async function settledProcesses(container: Container, call: Call): Promise<number> {
  const until = performance.now() + SETTLING_MS;
  for (;;) {
    const processes = await countProcesses(container, call);
    if (processes <= RESIDENTS || performance.now() >= until) return processes;
  }
}

/** Processes as the engine's machine sees them, the residents included. */
async function countProcesses(container: Container, call: Call): Promise<number> {
  const { Processes } = await container.ask(
    call,
    (it, abortSignal): Promise<{ Processes: string[][] }> => it.top({ abortSignal }),
  );
  return Processes.length;
}

/** Ends everything in the container and starts it as it was made: nothing but volumes outlives it. */
export async function restart(container: Container, call: Call): Promise<void> {
  await container.ask(call, (it, abortSignal) => it.restart({ t: 0, abortSignal }));
}
