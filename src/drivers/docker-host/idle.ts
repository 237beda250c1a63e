/** What the lane says to a line of its own id; the broker reads it off the container's output. */
export type LaneWord = 'begin' | 'end' | 'busy' | 'gone';

/**
 * What runs in a container while no command does: two shells.
 *
 * The _idle_ shell is the container's process. It starts nothing but the lane, and on SIGUSR1 it kills every process
 * but itself and init in one call of the kernel, which works where a fork bomb lets nothing new start.
 *
 * The _lane_ reads lines from the container's stdin, which the engine holds open: `ID run CODE`, where CODE sets the
 * words of a process and its environment. It starts one process at a time, with its own stdout and stderr, so that no
 * byte is copied, and says where on both the process's part begins and ends: `ID begin`, `ID end STATUS`. The id is a
 * secret of that one line; no process is told it. While anything in the container still holds the lane's output, a
 * supervisor that runs, or what a command left behind, the answer is `RUNNING ID busy`, after the id of who holds it and
 * will skip that line: so outputs never mix. It only uses
 * what every shell has built in, and `setsid`; where something of that is missing, the answer is `gone`, as it is from
 * the idle shell once the lane is dead. A shell that can't fork ends: hence two.
 *
 * `$$` is the idle shell's id in all of them. `-ef` asks whether two names are the same open pipe. What has ended
 * and was not waited for shows no descriptors, and is told by its state.
 */
export const IDLE = `
free() {
  rounds=0
  while [ $rounds -lt 50 ]; do
    rounds=$((rounds + 1)) leaving=
    for process in /proc/[0-9]*; do
      case $process in /proc/1 | /proc/$$ | /proc/$lane) continue ;; esac
      if holds $process; then
        [ $process = "/proc/$supervisor" ] || return 1
        leaving=yes
      fi
    done
    [ $leaving ] || return 0
  done
  return 1
}
holds() {
  read -r line 2> /dev/null < $1/stat || return 1
  case \${line##*) } in [ZX]*) return 1 ;; esac
  [ -r $1/fd ] || return 0
  for descriptor in $1/fd/*; do
    [ $descriptor -ef /proc/$lane/fd/1 ] || [ $descriptor -ef /proc/$lane/fd/2 ] && return 0
  done
  return 1
}
supervise() {
  trap 'status=$?; echo "$id end $status"; echo "$id end" >&2' EXIT
  echo "$id begin"
  echo "$id begin" >&2
  (
    trap - EXIT
    unset OLDPWD
    eval "$code"
    exec "$@"
  ) < /dev/null
}
lane() {
  read -r lane _ < /proc/self/stat
  setsid=$(command -v setsid)
  supervisor= running=
  newline='
'
  trap 'echo "$id gone"' EXIT
  while :; do
    IFS= read -r request || continue
    id=\${request%% *}
    code=\${request#* run }
    if ! [ "$setsid" ] || [ "$code" = "$request" ] || ! [ /proc/$lane/fd/1 -ef /proc/$lane/fd/1 ]; then
      echo "$id gone"
    elif free; then
      [ -z "$supervisor" ] || wait $supervisor
      supervise 3<&- &
      supervisor=$! running=$id
    else
      echo "$running $id busy"
    fi
  done
}
trap 'exit 0' TERM
trap 'kill -KILL -1' USR1
exec 3<&0
lane <&3 3<&- &
lane=$!
while [ -d /proc/$lane ] && [ "$ended" != 127 ]; do
  wait $lane
  ended=$?
done
while :; do
  read -r id _ && echo "$id gone"
done`;

/**
 * Shell that finds the idle shell, `idle`. It has the lowest number of all but init's: low ones are not given out twice.
 */
export const FIND_IDLE = `
  idle=
  for process in /proc/[0-9]*; do
    number=\${process#/proc/}
    [ $number -gt 1 ] && { [ -z "$idle" ] || [ $number -lt $idle ]; } && idle=$number
  done`;
