# Arguments: manager (apt-get, dnf, yum, dpkg, rpm), first|all, the bundle's directory or -, then what is not asked here.
# Run as root; may be run again at any time: what is the newest already stays as it is.
manager=$1 bundle=$3
# What was begun goes on to its end when the connection is lost: a package half unpacked helps nobody.
trap '' HUP PIPE
exec 2>&1
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
step() { echo "wharf step $1"; }
fail() { echo "wharf fail $1|$2"; exit 1; }
case $bundle in
*/wharf-install.*) trap 'rm -rf "$bundle"' EXIT ;;
esac
listens() { [ -S /var/run/docker.sock ] && grep -q ' 00010000 .*/run/docker\.sock$' /proc/net/unix; }
# The daemon that runs is not the one that is installed.
is_stale() { pid=$(cat /var/run/docker.pid 2>/dev/null) && readlink "/proc/$pid/exe" 2>/dev/null | grep -q ' (deleted)$'; }

command -v dockerd >/dev/null || fail "there is no dockerd on the host" "host install puts one there"
case $manager in
apt-get | dpkg)
  owner() { dpkg -S "$1" 2>/dev/null | sed -n '1s/[:,].*//p'; }
  version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null; }
  is_there() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c1-2)" = ii ]; } ;;
*)
  owner() { rpm -qf --qf '%{NAME}\n' "$1" 2>/dev/null | sed -n 1p; }
  version() { rpm -q --qf '%{VERSION}-%{RELEASE}' "$1" 2>/dev/null; }
  is_there() { rpm -q "$1" >/dev/null 2>&1; } ;;
esac
place=$(command -v dockerd)
engine=$(owner "$place")
# Where /bin is a link to /usr/bin the list of files may have the other path.
[ -n "$engine" ] || engine=$(owner "/usr$place")
[ -n "$engine" ] || engine=$(owner "${place#/usr}")
[ -n "$engine" ] || fail "no package has $place: it was put there by other means" "upgrade it by the means that put it there"
packages=$engine
for p in docker-ce-cli docker-cli docker-ce-rootless-extras docker-buildx-plugin docker-compose-plugin containerd.io containerd runc; do
  [ "$p" != "$engine" ] && is_there "$p" && packages="$packages $p"
done
before=$(for p in $packages; do echo "$p $(version "$p")"; done)
step "what is there:"
echo "$before"

if [ "$bundle" = - ]; then
  step "reading the package source"
  case $manager in
  apt-get) apt-get -q -o DPkg::Lock::Timeout=120 update || echo "the package lists could not all be read; those that are there are used" ;;
  *) "$manager" -q makecache || echo "the package lists could not all be read; those that are there are used" ;;
  esac
  step "upgrading $packages"
  case $manager in
  apt-get) apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold --no-install-recommends --no-remove --only-upgrade install $packages ;;
  *) "$manager" -y upgrade $packages ;;
  esac || fail "$manager could not upgrade $packages" "see its words above; it is safe to run this again"
else
  cd "$bundle" || fail "the packages that were sent are gone" "run it again"
  step "checking the packages that were sent"
  sha256sum -c SHA256SUMS || fail "a package did not arrive as it was sent" "run it again"
  step "upgrading from the bundle"
  case $manager in
  dpkg) dpkg -i -E -G ./*.deb || fail "dpkg could not install the bundle" "add to the bundle what is missing above, and run it again" ;;
  rpm)
    rpm -U --replacepkgs --test ./*.rpm || fail "the bundle lacks what its packages need" "add to the bundle what is missing above, and run it again"
    rpm -U -v --replacepkgs ./*.rpm || fail "rpm could not install the bundle" "see its words above; it is safe to run this again" ;;
  esac
  cd /
fi

after=$(for p in $packages; do echo "$p $(version "$p")"; done)
if [ "$before" = "$after" ]; then
  echo "wharf same"
else
  step "what is there now:"
  echo "$after"
fi
if is_stale; then
  step "starting the new engine in the place of the old one"
  if [ -d /run/systemd/system ]; then systemctl restart docker || fail "systemd could not restart docker" "systemctl status docker; journalctl -u docker on the host"
  elif [ -x /etc/init.d/docker ]; then /etc/init.d/docker restart </dev/null || fail "/etc/init.d/docker could not restart it" "see its log on the host: /var/log/docker.log"
  else fail "the new engine is there, and the old one still runs" "restart dockerd by the host's own means; there is neither systemd nor /etc/init.d/docker"
  fi
elif ! listens && [ -d /run/systemd/system ]; then
  systemctl enable --now docker || fail "systemd could not start docker" "systemctl status docker; journalctl -u docker on the host"
fi
step "waiting for the engine"
n=0
until listens; do
  n=$((n + 1))
  [ $n -le 120 ] || fail "the packages are there, and no engine listens at /var/run/docker.sock" "systemctl status docker; journalctl -u docker on the host"
  sleep 0.5
done
echo "wharf end"
