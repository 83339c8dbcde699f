#!/bin/bash
# Installs the Debian packages that the tests need, those that are missing, and independent clients of Jenkins from PyPI
# into a virtual environment; does nothing when all are there.
set -euo pipefail

# What is looked for, and the package that brings it. A name with a slash is a file (or a pattern of files); others are programs on the path.
needs='
cc:gcc make:make git:git
dockerd:docker.io docker:docker.io runc:runc
podman:podman /usr/lib/podman/netavark:netavark
sshd:openssh-server ssh:openssh-client ssh-keygen:openssh-client openssl:openssl
ip:iproute2 bridge:iproute2 iptables:iptables
nsenter:util-linux unshare:util-linux flock:util-linux setsid:util-linux
ps:procps tail:coreutils /usr/bin/python3:python3-minimal busybox:busybox-static
tmux:tmux docker-registry:docker-registry htpasswd:apache2-utils haproxy:haproxy nginx:nginx-light
/usr/lib/python3*/ensurepip:python3-venv
/usr/lib/postgresql/*/bin/initdb:postgresql psql:postgresql-client setpriv:util-linux
etcd:etcd-server etcdctl:etcd-client
rsyslogd:rsyslog nats-server:nats-server /usr/lib/python3/dist-packages/aiosmtpd/main.py:python3-aiosmtpd
'

missing() {
  local need tool package
  for need in $needs; do
    tool=${need%%:*} package=${need#*:}
    case $tool in
    /*) compgen -G "$tool" >/dev/null || echo "$package" ;;
    *) PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || echo "$package" ;;
    esac
  done | sort -u
}

# The clients that the stub of Jenkins has to please (tests/jenkins/oracle.py).
clients() {
  local here=${BASH_SOURCE[0]%/*}/../jenkins
  cmp -s "$here/requirements.txt" "$here/.venv/requirements.txt" && return
  rm -rf "$here/.venv"
  /usr/bin/python3 -m venv "$here/.venv"
  "$here/.venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$here/.venv/"
}

packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || { clients; exit 0; }
by_hand="install these packages (Debian's names) and try again: $packages"
command -v apt-get >/dev/null || { echo "tests/lab/install.sh: no apt-get on this machine; $by_hand" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "tests/lab/install.sh: not root; $by_hand" >&2; exit 1; }

# The packages of Docker and sshd would start their daemons on this machine; the lab starts its own, elsewhere.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
fi

# Nor is a database cluster made: the tests make their own, each in a directory of its own.
clusters=/etc/postgresql-common/createcluster.conf
if [ ! -e $clusters ]; then
  mkdir -p "${clusters%/*}"
  echo 'create_main_cluster = false' >$clusters
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold $packages
packages=$(missing | tr '\n' ' ')
[ -z "$packages" ] || { echo "tests/lab/install.sh: still missing after the installation: $packages" >&2; exit 1; }
clients
