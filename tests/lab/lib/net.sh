# The LAN: a bridge in a network namespace of its own, one cable to each host, one to the operator (this machine's own namespace).

# The first process of the lab holds the LAN and the process namespace that all hosts' namespaces nest in.
lan_up() {
  local pid
  first_process lan setsid
  pid=$(living "$dir/pid")
  nsenter --target "$pid" --net ip -batch - <<IP
link set lo up
link add br0 type bridge
address add $net.254/24 dev br0
link set br0 up
IP
  ip link add "$prefix-op" type veth peer name op netns "$pid"
  ip address add "$net.253/24" dev "$prefix-op"
  ip link set "$prefix-op" up
  nsenter --target "$pid" --net sh -c 'ip link set op master br0 up && bridge link set dev op isolated on'
}

# Starts the first process of new namespaces and waits until it has made itself at home.
first_process() { # name, command to run it under
  local name=$1 home=$dir
  [ "$name" = lan ] || home=$dir/hosts/$name
  "${@:2}" unshare --net --mount --propagation slave --ipc --uts --pid \
    bash -c 'bash "$@" & exec true' - "$here/lib/init.sh" "$dir" "$name" </dev/null >"$home/init.log" 2>&1
  wait_for "$name's first process ($home/init.log)" living "$home/pid" >/dev/null
}

# Puts a host on the LAN. An isolated port reaches only ports that are not isolated: the operator's port is one, so a
# hidden host is seen by the other hosts (they can be its jump) and never by the operator.
cable() {
  local name=$1 pid=$2 lan isolated=off
  lan=$(living "$dir/pid")
  [ "$name" != "$hidden" ] || isolated=on
  nsenter --target "$lan" --net sh -c "ip link add name $name type veth peer name eth0 netns $pid &&
    ip link set dev $name master br0 up && bridge link set dev $name isolated $isolated"
  nsenter --target "$pid" --net ip -batch - <<IP
link set lo up
address add $(address "$name")/24 dev eth0
link set eth0 up
IP
}

hidden=node3
address() {
  case $1 in
  node*) echo "$net.${1#node}" ;;
  bare) echo "$net.101" ;;
  stopped) echo "$net.102" ;;
  plain) echo "$net.110" ;;
  tls) echo "$net.111" ;;
  podman) echo "$net.112" ;;
  *) die "no host is called '$1'" ;;
  esac
}

wait_for() {
  local what=$1 i
  shift
  for i in $(seq 1200); do "$@" && return; sleep 0.05; done
  die "$what: not there after a minute"
}
