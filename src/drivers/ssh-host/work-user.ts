import { emptyScript } from '../posix/lease-directory.js';
import { markScript } from '../posix/process-tree.js';
import { quote } from '../posix/quote.js';
import { enter, exitWith } from '../posix/shell.js';

/** Directories in which everyone may write, as far as machines have them. */
const PUBLIC = '/tmp /var/tmp /dev/shm /dev/mqueue /run/lock /var/lock /var/crash';

/** What makes a user unfit to run leases as, in the order in which it is looked for. */
export const UNFIT = {
  root: 'It is root.',
  marks: 'Its processes cannot be marked, so that a command could not be ended.',
  home: 'It may write in its own home, from where the next lease’s sessions would take orders: let root own all there.',
  homeless: 'Its home is not there, which sshd tells in each command’s output.',
  above: 'It may write in a directory above the root.',
  sudo: 'It may use sudo.',
  cron: 'It may leave cron jobs: name it in /etc/cron.deny.',
  at: 'It may leave at jobs: name it in /etc/at.deny.',
  subuid: 'It may become other users by newuidmap: take it out of /etc/subuid.',
  systemd: 'A systemd of its own runs for it: mask its user@ service.',
} as const;

/** Script for the work user itself, who may answer freely before any lease has run: its name, then a word of UNFIT a line. */
export function fitnessScript(user: string, root: string, resourceId: string): string {
  const mark = markScript({ resourceId, leaseId: resourceId, command: 0 });
  return `
id -un
exec 3>&1 > /dev/null 2>&1
uid=$(id -u) gid=$(id -g) home=~${user}
unfit() { echo "$1" >&3; }
[ "$uid" -gt 0 ] || unfit root
(${mark} && grep -q '^Max file locks .*[0-9]' /proc/self/limits) || unfit marks
if [ ! -d "$home" ]; then
  unfit homeless
elif [ -w "$home" ]; then
  unfit home
elif [ "$home" != / ]; then
  own=$(find "$home" ! -type l \\( -user "$uid" -o -perm -002 -o -group "$gid" -perm -020 \\) | head -n 1)
  [ -z "$own" ] || unfit home
fi
above=${quote(root)}
while [ -n "$above" ]; do
  [ -w "$above" ] && [ ! -k "$above" ] && { unfit above; break; }
  above=\${above%/*}
done
command -v sudo && sudo -n true && unfit sudo
command -v crontab && echo | crontab - && { crontab -r; unfit cron; }
command -v at && echo : | at now + 1 year && { atrm $(atq | cut -f 1); unfit at; }
command -v newuidmap && grep -qE '^(${user}|'"$uid"'):' /etc/subuid && unfit subuid
for comm in /proc/[0-9]*/comm; do
  [ -O "$comm" ] && [ "$(cat "$comm")" = systemd ] && { unfit systemd; break; }
done
exit 0`;
}

/** Script for the work user itself: removes what it has left in `leases` and where everyone may write. */
export function tidyScript(leases: string): string {
  return `
uid=$(id -u)
if [ -d ${quote(leases)} ]; then
  ${enter(leases)}
  ${emptyScript()}
fi
for place in ${PUBLIC}; do
  [ -d "$place" ] && find "$place" -xdev -user "$uid" -prune -exec sh -c '
    rm -rf "$1" 2> /dev/null || { [ -L "$1" ] || chmod -R u+rwX "$1"; rm -rf "$1"; }' sh {} \\;
done 2> /dev/null
if cd "/run/user/$uid" 2> /dev/null; then
  ${emptyScript()}
fi
ipcrm --all 2> /dev/null
exit 0`;
}

/**
 * Script for the user whom the work user can't touch: ends with `not-clean` where anything of the work user's is left.
 * What is in directories that are closed to others was not the work user's to write.
 */
export function tidinessScript(user: string, leases: string): string {
  return `
uid=$(id -u ${quote(user)}) || ${exitWith('not-clean')}
left=$(
  [ ! -d ${quote(leases)} ] || ls -A ${quote(leases)} | head -n 5
  for place in ${PUBLIC}; do
    [ ! -d "$place" ] || find "$place" -xdev -type d ! -user "$uid" ! -perm -001 -prune -o -user "$uid" -prune -print
  done 2> /dev/null | head -n 5
  for kind in shm sem msg; do
    while read -r _ id _ _ fifth _ _ eighth _; do
      [ $kind = sem ] && owner=$fifth || owner=$eighth
      [ "$owner" != "$uid" ] || echo "$kind $id"
    done < /proc/sysvipc/$kind
  done 2> /dev/null
)
[ -z "$left" ] || { echo "Left by the work user: $left" >&2; ${exitWith('not-clean')}; }`;
}
