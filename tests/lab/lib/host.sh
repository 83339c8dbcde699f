# One host: its namespaces, its dockerd, its sshd; and taking all of it away again.

# The hosts this lab has, by its settings. bare has sshd and no Docker, stopped has Docker installed and not running.
planned_hosts() {
  local n
  for n in $(seq "$hosts"); do echo "node$n"; done
  [ "$hosts" = 0 ] || printf '%s\n' bare stopped
  [ "$engines" = no ] || printf '%s\n' plain tls podman
}

host_up() {
  local name=$1 lan
  lan=$(living "$dir/pid")
  mkdir -p "$dir/hosts/$name"
  first_process "$name" setsid nsenter --target "$lan" --pid
  cable "$name" "$(living "$dir/hosts/$name/pid")"
  case $name in
  node*) sshd_up "$name"; dockerd_up "$name"; load_up "$name" ;;
  bare) hide_docker; sshd_up bare ;;
  stopped) stale_socket; sshd_up stopped ;;
  plain | tls) dockerd_up "$name"; load_up "$name" ;;
  podman) podman_up ;;
  esac
}

dockerd_up() {
  local name=$1 options=()
  [ "$live_restore" = no ] || options+=(--live-restore)
  mapfile -t -O ${#options[@]} options < <(listen_options "$name")
  enter "$name" rm -f /run/docker.pid
  enter "$name" setsid --fork dockerd --data-root /run/lab/docker --pidfile /run/docker.pid --cgroup-parent "/$prefix/$name" \
    --exec-opt native.cgroupdriver=cgroupfs --dns "$net.254" "${options[@]}" </dev/null >>"$dir/hosts/$name/dockerd.log" 2>&1
  wait_for "$name's dockerd ($dir/hosts/$name/dockerd.log)" docker_answers "$name"
}

# A host's socket is reached from outside through its first process's root directory.
socket() { echo "/proc/$(living "$dir/hosts/$1/pid")/root/run/docker.sock"; }
docker_on() { local name=$1; shift; DOCKER_CONFIG=/nonexistent docker -H "unix://$(socket "$name")" "$@"; }
docker_answers() { [ -S "$(socket "$1")" ] && docker_on "$1" version >/dev/null 2>&1; }

# The numbers of a daemon's processes within its host: dockerd alone, or sshd and all that grew from it.
daemon_pid() {
  local file=/run/docker.pid
  [ "$2" = dockerd ] || file=/run/sshd-22.pid
  enter "$1" sh -c "p=\$(cat $file 2>/dev/null) && [ -d /proc/\$p ] && echo \$p"
}
descendants() { enter "$1" sh -c 'grow() { for p in $(ps -o pid= --ppid "$1"); do echo $p; grow $p; done; }; grow "$1"' - "$2"; }

process_state() {
  local pid
  pid=$(daemon_pid "$1" "$2") || { echo -; return; }
  enter "$1" ps -o state= -p "$pid" | sed 's/^T.*/frozen/; s/^[SRDI].*/up/'
}

# Without Docker: not its programs, and for dpkg not its packages. What a package manager writes on this host is in the
# host's own memory, so one may be let loose here. The machine's dockerd is kept aside, for packages that tests make.
hide_docker() {
  enter bare bash -ec '
    PATH=$PATH:/usr/sbin:/sbin
    mkdir /run/lab/real
    touch /run/lab/real/dockerd
    mount --bind "$(command -v dockerd)" /run/lab/real/dockerd
    for d in /usr /bin /sbin /lib /var/lib/dpkg /var/lib/apt /var/cache /var/log; do
      [ -d "$d" ] && [ ! -L "$d" ] || continue
      changes=/run/lab/over${d//\//_}
      mkdir "$changes" "$changes.work"
      mount -t overlay -o "lowerdir=$d,upperdir=$changes,workdir=$changes.work" overlay "$d"
    done
    # The data of an engine that a package starts: never the machine'"'"'s.
    mkdir -p /var/lib/docker /var/lib/containerd
    for d in docker containerd; do mkdir /run/lab/var-$d; mount --bind /run/lab/var-$d /var/lib/$d; done
    rm -f /etc/init.d/docker /etc/default/docker
    for d in $(readlink -f /usr/local/bin /usr/local/sbin /usr/bin /usr/sbin /bin /sbin | sort -u); do
      find "$d" -maxdepth 1 -regextype posix-extended -regex ".*/(docker|dockerd|podman)" -exec rm {} +
    done
    if [ -e /var/lib/dpkg/status ]; then
      awk "BEGIN { RS = \"\"; ORS = \"\\n\\n\" } !/^Package: (docker\\.io|docker-cli|docker-ce|docker-ce-cli|podman)\\n/" \
        /var/lib/dpkg/status >/run/lab/status
      cp /run/lab/status /var/lib/dpkg/status
    fi'
}

# What a dockerd that was killed leaves: a socket that nobody listens on.
stale_socket() {
  enter stopped /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/docker.sock")'
  enter stopped chgrp docker /run/docker.sock
  enter stopped chmod 660 /run/docker.sock
}

# The kernel lets go of a group a moment after its last process; one that it keeps is told of, and holds up nothing.
remove_cgroups() {
  local tree trees
  for _ in $(seq 60); do
    trees=()
    for tree in /sys/fs/cgroup/*/"$prefix" /sys/fs/cgroup/"$prefix"; do
      # Podman also writes where the machine has a plain directory in place of a hierarchy.
      case $(stat -f -c %T "$tree" 2>/dev/null) in
      '') ;;
      cgroup*) trees+=("$tree") ;;
      *) rm -rf "$tree" ;;
      esac
    done
    [ ${#trees[@]} -gt 0 ] || return 0
    find "${trees[@]}" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
  done
  for tree in "${trees[@]}"; do [ ! -d "$tree" ] || echo "lab: could not remove $tree" >&2; done
}
