# Faults: what goes wrong on real hosts, on demand.

fault() { # what, host, and for slow: round-trip time and loss
  local what=$1 name=${2:-}
  [ -n "$name" ] || die "lab $what: name a host"
  living "$dir/hosts/$name/pid" >/dev/null || die "no host '$name' in $dir (see: lab status)"
  case $what in
  cut) on_lan ip link set dev "$name" down ;;
  heal) on_lan ip link set dev "$name" up ;;
  slow) slow "$name" "${3:-200ms}" "${4:-0%}" ;;
  fast) fast "$name" ;;
  start-dockerd) daemon_pid "$name" dockerd >/dev/null || dockerd_up "$name" ;;
  stop-dockerd) stop_dockerd "$name" TERM ;;
  kill-dockerd) stop_dockerd "$name" KILL ;;
  restart-dockerd) stop_dockerd "$name" TERM; dockerd_up "$name" ;;
  freeze-dockerd) signal_daemon "$name" dockerd STOP ;;
  thaw-dockerd) signal_daemon "$name" dockerd CONT ;;
  freeze-sshd) signal_daemon "$name" sshd STOP ;;
  thaw-sshd) signal_daemon "$name" sshd CONT ;;
  kill-sshd-sessions) kill_sessions "$name" ;;
  restore) restore "$name" ;;
  esac
}

# Ends every fault of a host, whichever it had, and starts again what runs there from the beginning.
restore() {
  local name=$1
  fault heal "$name"
  fast "$name"
  ! daemon_pid "$name" sshd >/dev/null || fault thaw-sshd "$name"
  ! daemon_pid "$name" dockerd >/dev/null || fault thaw-dockerd "$name"
  fault start-dockerd "$name"
  docker_on "$name" start web-1 worker-1 ticker-1 >/dev/null
}

on_lan() { nsenter --target "$(living "$dir/pid")" --net "$@"; }

stop_dockerd() {
  local pid
  pid=$(daemon_pid "$1" dockerd) || return 0
  enter "$1" kill "-$2" "$pid"
  wait_for "the end of $1's dockerd" enter "$1" test ! -d "/proc/$pid"
}

signal_daemon() { # host, daemon, signal; for sshd also to all that its sessions started
  local pid sessions
  pid=$(daemon_pid "$1" "$2") || die "$1 has no $2"
  enter "$1" kill "-$3" "$pid"
  [ "$2" = sshd ] || return 0
  sessions=$(descendants "$1" "$pid" | tr '\n' ' ')
  # Short ones end by themselves meanwhile.
  [ -z "$sessions" ] || enter "$1" sh -c 'kill -'"$3"' "$@" 2>/dev/null; true' kill $sessions
}

kill_sessions() {
  local pid sessions
  pid=$(daemon_pid "$1" sshd) || die "$1 has no sshd"
  sessions=$(descendants "$1" "$pid" | tr '\n' ' ')
  # Short ones end by themselves meanwhile, or with the first that is killed.
  [ -z "$sessions" ] || enter "$1" sh -c 'kill -KILL "$@" 2>/dev/null; true' kill $sessions
}

# Puts a slow cable (wire.py) between a host and the LAN: half of the delay each way, the loss each way.
slow() {
  local name=$1 delay=${2%ms} loss=${3%\%} isolated=off
  [[ $delay =~ ^[0-9]+$ && $loss =~ ^[0-9.]+$ ]] || die "lab slow: say it as 200ms 5%, not '$2 $3'"
  fast "$name"
  in_lan setsid --fork /usr/bin/python3 "$here/lib/wire.py" "$name-a" "$name-b" "$((delay / 2))" "$loss" "$dir/hosts/$name/wire.pid" \
    </dev/null >"$dir/hosts/$name/wire.log" 2>&1
  wait_for "the slow cable ($dir/hosts/$name/wire.log)" [ -s "$dir/hosts/$name/wire.pid" ]
  [ "$name" != "$hidden" ] || isolated=on
  on_lan sh -ec "ip link add name $name-w type bridge; ip link set dev $name-w up
    ip link set dev $name master $name-w; ip link set dev $name-a master $name-w up
    ip link set dev $name-b master br0 up; bridge link set dev $name-b isolated $isolated"
}

fast() {
  local name=$1 pid isolated=off
  pid=$(cat "$dir/hosts/$name/wire.pid" 2>/dev/null) || return 0
  in_lan kill "$pid"
  rm "$dir/hosts/$name/wire.pid"
  [ "$name" != "$hidden" ] || isolated=on
  on_lan sh -ec "ip link set dev $name master br0; bridge link set dev $name isolated $isolated; ip link del dev $name-w"
}

in_lan() { nsenter --target "$(living "$dir/pid")" --net --pid --mount --wd=/ "$@"; }
