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
  read_source
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
  apt-get) apt install "$@" ;;
  *) "$manager" -y install "$@" ;;
  esac || fail "$manager could not install $*" "see its words above; it is safe to run this again"
}

finish_before
if command -v dockerd >/dev/null; then step "dockerd is there already: nothing is installed"
elif [ "$bundle" = - ]; then from_source "$@"
else from_bundle "installing the packages of the bundle"; fi
command -v dockerd >/dev/null || fail "what was installed brought no dockerd" "name the package that has it with --package"
run_engine start
if [ "$account" != - ]; then
  step "$account is to be in the group docker"
  getent group docker >/dev/null || groupadd -r docker || fail "the group docker could not be made" "see above"
  id -Gn "$account" | grep -qw docker || usermod -aG docker "$account" || fail "$account could not be added to the group docker" "see above"
fi
echo "wharf end"
