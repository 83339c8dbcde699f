# What installing and upgrading share; it is read before either. Arguments: manager (apt-get, dnf, yum, dpkg, rpm),
# all|first, the bundle's directory or -, the account for the group docker or -, then the packages. Run as root; may be
# run again at any time.
manager=$1 which=$2 bundle=$3 account=$4
shift 4
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

finish_before() {
  case $manager in
  apt-get | dpkg)
    if [ -n "$(dpkg --audit)" ]; then
      step "finishing what dpkg began before"
      dpkg --configure -a || fail "dpkg cannot finish what it began before" "dpkg --configure -a on the host; see its words above"
    fi ;;
  esac
}
read_source() {
  step "reading the package source"
  case $manager in
  apt-get) apt-get -q -o DPkg::Lock::Timeout=120 update ;;
  *) "$manager" -q makecache ;;
  esac || echo "the package lists could not all be read; those that are there are used"
}
# apt-get that asks nothing, keeps files that were changed on the host, and removes nothing.
apt() {
  apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold --no-install-recommends --no-remove "$@"
}
from_bundle() {
  cd "$bundle" || fail "the packages that were sent are gone" "run it again"
  step "checking the packages that were sent"
  sha256sum -c SHA256SUMS || fail "a package did not arrive as it was sent" "run it again"
  step "$1"
  case $manager in
  dpkg) dpkg -i -E -G ./*.deb || fail "dpkg could not install the bundle" "add to the bundle what is missing above, and run it again" ;;
  rpm)
    rpm -U --replacepkgs --test ./*.rpm || fail "the bundle lacks what its packages need" "add to the bundle what is missing above, and run it again"
    rpm -U -v --replacepkgs ./*.rpm || fail "rpm could not install the bundle" "see its words above; it is safe to run this again" ;;
  esac
  cd /
}
# Starts the engine, or starts it anew (`restart`), and waits until it listens.
run_engine() {
  if [ -d /run/systemd/system ]; then
    how="systemctl status docker; journalctl -u docker on the host"
    case $1 in
    start) step "starting and enabling the service"; systemctl enable --now docker ;;
    restart) step "starting the new engine in the place of the old one"; systemctl restart docker ;;
    esac || fail "systemd could not $1 docker" "$how"
  elif [ -x /etc/init.d/docker ] && { [ "$1" = restart ] || ! listens; }; then
    case $1 in
    start) step "starting it by /etc/init.d/docker, for there is no systemd" ;;
    restart) step "starting the new engine in the place of the old one" ;;
    esac
    how="see its log on the host: /var/log/docker.log"
    /etc/init.d/docker "$1" </dev/null || fail "/etc/init.d/docker could not $1 it" "see above; $how"
  elif [ "$1" = restart ]; then
    fail "the new engine is there, and the old one still runs" "restart dockerd by the host's own means; there is neither systemd nor /etc/init.d/docker"
  else
    how="there is no systemd to start it: start dockerd by the host's own means, then run this again"
  fi
  n=0
  until listens; do
    n=$((n + 1))
    [ $n -le 120 ] || fail "Docker is installed, and no engine listens at /var/run/docker.sock" "$how"
    sleep 0.5
  done
}
