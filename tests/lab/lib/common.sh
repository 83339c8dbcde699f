# What every part of the lab needs: finding labs, telling whether a recorded process is still the same one, entering hosts.
registry=/run/wharf-lab

die() { echo "lab: $*" >&2; exit 1; }

require_tools() {
  [ "$(id -u)" = 0 ] || die "needs root: it makes network namespaces and starts dockerd and sshd in them"
  local tool missing=''
  for tool in dockerd docker sshd ssh ssh-keygen ip bridge nsenter unshare busybox flock openssl /usr/bin/python3; do
    PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || missing+=" $tool"
  done
  [ "$engines" = no ] || command -v podman >/dev/null || missing+=' podman'
  [ -z "$missing" ] || die "missing:$missing. Run tests/lab/install.sh"
}

# A process is recorded as "pid start-time": a number that was given to another process later does not match.
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  set -- ${stat##*) }
  [ "$1" != Z ] && echo "${20}"
}
record() { echo "$1 $(start_time "$1")" >"$2"; }
living() {
  local pid started
  [ -s "$1" ] && read -r pid started <"$1" && [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

# Takes a prefix, an address range and a directory for a new lab, so that no two labs share any of them.
claim() {
  lock
  sweep
  local n
  if [ -z "$prefix" ]; then
    for n in $(seq 0 99); do [ -e "$registry/lab$n" ] || { prefix=lab$n; break; }; done
  fi
  [[ $prefix =~ ^[a-z][a-z0-9]{0,9}$ ]] || die "a prefix is up to ten small letters and digits, not '$prefix'"
  if [ -e "$registry/$prefix/env" ]; then
    ( attach --dir "$registry/$prefix"; living "$dir/pid" >/dev/null ) && die "a lab with prefix $prefix is running ($(readlink "$registry/$prefix")); end it first: lab down --dir $registry/$prefix"
  fi
  [ -n "$net" ] || net=$(free_net)
  dir=${dir:-/var/lib/wharf-lab/$prefix}
  [ ! -e "$dir/env" ] || die "$dir holds a lab already"
  mkdir -p "$dir/hosts"
  chmod 700 "$dir"
  dir=$(readlink -f "$dir")
  [ -z "$owner" ] || record "$owner" "$dir/owner"
  local name
  for name in prefix net hosts engines live_restore; do echo "$name=${!name}"; done >"$dir/env"
  ln -sfn "$dir" "$registry/$prefix"
  unlock
}

# While one lab is claimed, swept or ended, no other is.
lock() { mkdir -p "$registry"; exec 9<"$registry"; flock 9; }
unlock() { exec 9>&-; }

free_net() {
  local n used
  used=$(cat "$registry"/*/env 2>/dev/null | grep '^net=' || true)
  for n in $(seq 0 255); do [[ $'\n'$used$'\n' == *$'\n'"net=10.77.$n"$'\n'* ]] || { echo "10.77.$n"; return; }; done
  die "all ranges from 10.77.0 to 10.77.255 are taken"
}

# Whether a lab was claimed and has no first process yet: it is another one that is being started, unless that was long ago.
begins() {
  [ ! -e "$dir/pid" ] || return 1
  if [ -e "$dir/owner" ]; then living "$dir/owner" >/dev/null; else [ -n "$(find "$dir/env" -mmin -5)" ]; fi
}

# Ends labs that nobody owns any more: their owner, or their own first process, is dead.
sweep() {
  local link
  for link in "$registry"/*; do
    [ -L "$link" ] || continue
    (
      [ -e "$link/env" ] || { rm -f "$link"; exit; }
      attach --dir "$link"
      ! begins || exit 0
      living "$dir/pid" >/dev/null && { [ ! -e "$dir/owner" ] || living "$dir/owner" >/dev/null; } || cmd_down
    )
  done
}

# Finds the lab that a command is about and reads its settings; the other arguments go to $rest.
attach() {
  local only=()
  dir=${WHARF_LAB:-}
  if [ "${1:-}" = --dir ]; then dir=$2; shift 2; fi
  rest=("$@")
  if [ -z "$dir" ]; then
    only=("$registry"/*)
    [ -e "${only[0]}" ] || die "no lab is running (start one: lab up)"
    [ ${#only[@]} = 1 ] || die "several labs are running, name one with --dir: ${only[*]}"
    dir=${only[0]}
  fi
  [ -e "$dir/env" ] || die "no lab in $dir"
  dir=$(readlink -f "$dir")
  . "$dir/env"
}

# A lab with an owner ends when the owner does, even if the owner was killed; but not another lab in the same directory.
watch_owner() {
  [ -e "$dir/owner" ] || return 0
  local owner=$(<"$dir/owner")
  setsid bash -c 'tail --pid="${1% *}" -f /dev/null; cd /
    if [ "$(cat "$2/owner" 2>/dev/null)" = "$1" ]; then exec "$3" down --dir "$2"; fi' \
    - "$owner" "$dir" "$here/lab" </dev/null >/dev/null 2>&1 &
  record $! "$dir/watcher"
}
end_watcher() {
  local pid
  pid=$(living "$dir/watcher") && [ "$pid" != $$ ] || return 0
  kill -- "-$pid" # with its tail: setsid made it a process group of its own
}

# nsenter, never `ip netns exec`: that one remounts /sys and hides the cgroups.
enter() {
  local name=$1 pid
  shift
  pid=$(living "$dir/hosts/$name/pid") || die "no host '$name' in $dir (see: lab status)"
  nsenter --target "$pid" --mount --uts --ipc --net --pid --wd=/ -- "$@"
}
