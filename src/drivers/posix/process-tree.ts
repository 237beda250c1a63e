import { createHash } from 'node:crypto';
import type { LeaseView } from '../driver.js';
import { quote } from './quote.js';
import { complete, exitWith, type Shell } from './shell.js';

/**
 * Every process of a lease bears a number that it hands down to its children and can't take off: its hard limit on
 * file locks, which Linux has not enforced since 2.4 but keeps, shows to everyone in /proc and lets nobody but root
 * raise. Rejected: process groups and sessions, which `setsid` leaves; a variable in the environment, which a process
 * may clear; the parent's id, which an orphan loses. Root on the host can take the number off: leases shall not be root.
 *
 * The number has 19 digits: 6 of the resource, 8 of the lease, 5 of the command.
 */
export interface TreeMark {
  resourceId: string;
  /** Absent: every lease of the resource. */
  leaseId?: string;
  /** Absent: every command of the lease. */
  command?: number;
}

/** Time that killing a tree may take, in milliseconds. */
const KILL_MS = 20_000;

let commands = 0;

/** For one command more of the lease; its number comes back after 100,000. */
export function nextMark({ id, resource }: LeaseView): Required<TreeMark> {
  commands = (commands + 1) % 100_000;
  return { resourceId: resource.id, leaseId: id, command: commands };
}

/** Script that marks the shell that runs it, and all that comes from it. dash and busybox say -w, bash and zsh -x. */
export function markScript(mark: Required<TreeMark>): string {
  const number = pattern(mark);
  return `{ ulimit -w ${number} || ulimit -x ${number}; } 2> /dev/null`;
}

/** The same, as the beginning of a script that is not to run on without. */
export function markItself(mark: Required<TreeMark>): string {
  return `${markScript(mark)} || { echo 'The host does not let its processes be marked.'; exit 1; }`;
}

/** Script that kills every marked process. Who has lowered the number, to hide, is found by its length. */
export function killScript(mark: TreeMark): string {
  const hidden = mark.command === undefined ? '|[0-9]{1,18}' : '';
  return killAllScript('limits', `^Max file locks +[^ ]+ +(${pattern(mark)}${hidden}) `, MARKED_PASSES);
}

/**
 * Script that kills a command of a lease whose number only the broker knew that ran it, and died: any process of it that
 * has the command's id in its environment still tells the number.
 */
export function killCommandScript(lease: Required<Omit<TreeMark, 'command'>>, commandId: string): string {
  const limit = `^Max file locks +[^ ]+ +`;
  return `
for number in $(
  for f in $(grep -lsxzF ${quote(`BERTH_COMMAND=${commandId}`)} /proc/[0-9]*/environ); do
    sed -nE 's/${limit}(${pattern(lease)}) .*/\\1/p' "\${f%environ}limits" 2> /dev/null
  done | sort -u
); do
  ${killAllScript('limits', `${limit}'"$number"' `, MARKED_PASSES)}
done`;
}

/**
 * Script that kills every process of a user, whatever id of it is the user's, and waits until none is left. Who runs it
 * without the right to kill only waits.
 */
export function killUserScript(user: string): string {
  return `
uid=$(id -u ${quote(user)}) && [ "$uid" -gt 0 ] || { echo 'There is no such user, or it is root.' >&2; ${exitWith('not-clean')}; }
[ -r /proc/1/status ] || { echo 'The host hides processes from other users.' >&2; ${exitWith('not-clean')}; }
${killAllScript('status', `^Uid:.*[[:space:]]'"$uid"'([[:space:]]|$)`, USER_PASSES)}`;
}

/** Passes over /proc before what is left counts as there to stay; from the tenth on each takes a twentieth of a second and more. */
const MARKED_PASSES = 200;
const USER_PASSES = 30;

/**
 * Script that kills every process whose file in /proc has such a line, and goes on until none is left. All are stopped
 * before any is killed, else a fork bomb refills the room that each death leaves.
 */
function killAllScript(file: 'limits' | 'status', line: string, passes: number): string {
  return `
pass=0
while :; do
  all= running=
  for f in $(grep -lsE '${line}' /proc/[0-9]*/${file}); do
    pid=\${f#/proc/} pid=\${pid%/*} state=
    while read -r key value rest; do
      case $key in State:) state=$value; break ;; esac
    done 2> /dev/null < "/proc/$pid/status"
    case $state in
      Z | X | '') ;;
      T) all="$all $pid" ;;
      *) all="$all $pid" running="$running $pid" ;;
    esac
  done
  [ -z "$all" ] && break
  [ $pass -ge ${passes} ] && { echo "Processes could not be killed:$all" >&2; ${exitWith('not-clean')}; }
  [ -n "$running" ] && kill -STOP $running 2> /dev/null
  [ -z "$running" ] || [ $pass -ge 5 ] && kill -KILL $all 2> /dev/null
  [ $pass -ge 10 ] && sleep 0.05
  pass=$((pass + 1))
done`;
}

/** @throws DriverError `not-clean` where one can't be killed, and temporary ones where the host can't be asked. */
export async function killTree(shell: Shell, mark: TreeMark): Promise<void> {
  // Its own time: that of the call may be why.
  const call = { signal: AbortSignal.timeout(KILL_MS) };
  await complete(shell, 'Killing processes', killScript(mark), call);
}

function pattern({ resourceId, leaseId, command }: TreeMark): string {
  const resource = 100_000 + (hash(resourceId) % 800_000);
  if (leaseId === undefined) return `${resource}[0-9]{13}`;
  const lease = String(hash(leaseId) % 100_000_000).padStart(8, '0');
  return `${resource}${lease}${command === undefined ? '[0-9]{5}' : String(command).padStart(5, '0')}`;
}

function hash(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE();
}
