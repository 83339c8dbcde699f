# What runs is not what is installed any more: its file is gone.
is_gone() { readlink "/proc/$1/exe" 2>/dev/null | grep -q ' (deleted)$'; }
# The daemon, or the containerd that it started.
is_stale() {
  for f in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
    pid=$(cat "$f" 2>/dev/null) && is_gone "$pid" && return 0
  done
  return 1
}

command -v dockerd >/dev/null || fail "there is no dockerd on the host" "host install puts one there"
finish_before
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
  read_source
  step "upgrading $packages"
  case $manager in
  apt-get) apt --only-upgrade install $packages ;;
  *) "$manager" -y upgrade $packages ;;
  esac || fail "$manager could not upgrade $packages" "see its words above; it is safe to run this again"
else from_bundle "upgrading from the bundle"; fi

after=$(for p in $packages; do echo "$p $(version "$p")"; done)
if [ "$before" = "$after" ]; then
  is_stale || echo "wharf same"
else
  step "what is there now:"
  echo "$after"
fi
if [ -d /run/systemd/system ] && is_gone "$(systemctl show -p MainPID --value containerd 2>/dev/null)"; then
  step "starting the new containerd in the place of the old one"
  systemctl restart containerd || fail "systemd could not restart containerd" "systemctl status containerd on the host"
fi
if is_stale; then run_engine restart; elif ! listens; then run_engine start; fi
echo "wharf end"
