# Faults: what goes wrong on real hosts, on demand.

fault() { # what, host
  [ $# = 2 ] || [ "$1" = slow ] || die "lab $1: name one host"
  local what=$1 name=$2 signal
  case $what in
  cut) on_lan ip link set dev "$name" down ;;
  heal) on_lan ip link set dev "$name" up ;;
  start-dockerd) dockerd_up "$name" ;;
  stop-dockerd) stop_dockerd "$name" TERM ;;
  kill-dockerd) stop_dockerd "$name" KILL ;;
  restart-dockerd) stop_dockerd "$name" TERM; dockerd_up "$name" ;;
  freeze-dockerd) signal_daemon "$name" dockerd STOP ;;
  thaw-dockerd) signal_daemon "$name" dockerd CONT ;;
  freeze-sshd) signal_daemon "$name" sshd STOP ;;
  thaw-sshd) signal_daemon "$name" sshd CONT ;;
  kill-sshd-sessions) kill_sessions "$name" ;;
  *) die "unknown fault '$what' (see: lab help)" ;;
  esac
}

on_lan() { nsenter --target "$(living "$dir/pid")" --net "$@"; }

stop_dockerd() {
  local pid
  pid=$(daemon_pid "$1" dockerd) || return 0
  enter "$1" kill "-$2" "$pid"
  wait_for "the end of $1's dockerd" enter "$1" test ! -d "/proc/$pid"
}

signal_daemon() { # host, daemon, signal; for sshd also to all that its sessions started
  local pid
  pid=$(daemon_pid "$1" "$2") || die "$1 has no $2"
  [ "$2" != sshd ] || pid+=" $(descendants "$1" "$pid" | tr '\n' ' ')"
  enter "$1" kill "-$3" $pid
}

kill_sessions() {
  local pid sessions
  pid=$(daemon_pid "$1" sshd) || die "$1 has no sshd"
  sessions=$(descendants "$1" "$pid" | tr '\n' ' ')
  [ -z "$sessions" ] || enter "$1" kill -KILL $sessions
}
