# Arguments: manager (apt-get, dnf, yum, dpkg, rpm), all|first, the bundle's directory or -, the account
# for the group docker or -, then the packages. Run as root; may be run again at any time.
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

# The first package that is to be had, where it was not said which.
choose() {
  for p in "$@"; do
    if is_there "$p"; then echo "$p"; return; fi
  done
}
is_there() {
  case $manager in
  apt-get) apt-cache policy "${1%%=*}" 2>/dev/null | grep -q '^  Candidate: [^(]' ;;
  *) "$manager" -q list --available "$1" >/dev/null 2>&1 ;;
  esac
}
from_source() {
  step "reading the package source"
  case $manager in
  apt-get)
    apt-get -q -o DPkg::Lock::Timeout=120 update || echo "the package lists could not all be read; those that are there are used" ;;
  *) "$manager" -q makecache || echo "the package lists could not all be read; those that are there are used" ;;
  esac
  wanted=$*
  if [ "$which" = first ]; then
    set -- $(choose "$@")
    [ $# -gt 0 ] || fail "its package source has none of: $wanted" "set up a source that has Docker Engine (docs.docker.com/engine/install), or give the packages with --bundle"
  else
    for p in "$@"; do
      is_there "$p" || fail "its package source has no $p" "look at the name and the source, or give the packages with --bundle"
    done
  fi
  step "installing $*"
  case $manager in
  apt-get) apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold --no-install-recommends --no-remove install "$@" ;;
  *) "$manager" -y install "$@" ;;
  esac || fail "$manager could not install $*" "see its words above; it is safe to run this again"
}
from_bundle() {
  cd "$bundle" || fail "the packages that were sent are gone" "run it again"
  step "checking the packages that were sent"
  sha256sum -c SHA256SUMS || fail "a package did not arrive as it was sent" "run it again"
  step "installing the packages of the bundle"
  case $manager in
  dpkg) dpkg -i -E -G ./*.deb || fail "dpkg could not install the bundle" "add to the bundle what is missing above, and run it again" ;;
  rpm)
    rpm -U --replacepkgs --test ./*.rpm || fail "the bundle lacks what its packages need" "add to the bundle what is missing above, and run it again"
    rpm -U -v --replacepkgs ./*.rpm || fail "rpm could not install the bundle" "see its words above; it is safe to run this again" ;;
  esac
  cd /
}
start() {
  if [ -d /run/systemd/system ]; then
    step "starting and enabling the service"
    systemctl enable --now docker || fail "systemd could not start docker" "systemctl status docker; journalctl -u docker on the host"
    how="systemctl status docker; journalctl -u docker on the host"
  elif ! listens && [ -x /etc/init.d/docker ]; then
    step "starting it by /etc/init.d/docker, for there is no systemd"
    /etc/init.d/docker start </dev/null || fail "/etc/init.d/docker could not start it" "see above"
    how="see its log on the host: /var/log/docker.log"
  else
    how="there is no systemd to start it: start dockerd by the host's own means, then run this again"
  fi
  n=0
  until listens; do
    n=$((n + 1))
    [ $n -le 60 ] || fail "Docker is installed, and no engine listens at /var/run/docker.sock" "$how"
    sleep 0.5
  done
}

case $manager in
apt-get | dpkg)
  if [ -n "$(dpkg --audit)" ]; then
    step "finishing what dpkg began before"
    dpkg --configure -a || fail "dpkg cannot finish what it began before" "dpkg --configure -a on the host; see its words above"
  fi ;;
esac
if command -v dockerd >/dev/null; then step "dockerd is there already: nothing is installed"
elif [ "$bundle" = - ]; then from_source "$@"
else from_bundle; fi
command -v dockerd >/dev/null || fail "what was installed brought no dockerd" "name the package that has it with --package"
start
if [ "$account" != - ]; then
  step "$account is to be in the group docker"
  getent group docker >/dev/null || groupadd -r docker || fail "the group docker could not be made" "see above"
  id -Gn "$account" | grep -qw docker || usermod -aG docker "$account" || fail "$account could not be added to the group docker" "see above"
fi
echo "wharf end"
