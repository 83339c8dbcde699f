# The first process of a namespace: makes the host's own view of the machine, then keeps the namespace and reaps orphans.
# arguments: the lab's directory, the host's name ("lan" for the LAN itself)
set -euo pipefail
dir=$1 name=$2
home=$dir
[ "$name" = lan ] || home=$dir/hosts/$name
cd /
read -r pid _ </proc/self/stat # /proc is still the machine's, so this is our number as the machine sees it
. "$(dirname "$0")/common.sh"
record "$pid" "$home/pid.new"

mount -t proc proc /proc
hostname "$name"
if [ "$name" != lan ]; then
  # Everything a host writes is in its own memory and goes with it: /run, /etc (over the machine's), /tmp.
  mount -t tmpfs -o mode=755,size=1g run /run
  mkdir -p /run/sshd /run/lock /run/lab/docker /run/lab/etc.up /run/lab/etc.work /run/home
  mount -t overlay -o lowerdir=/etc,upperdir=/run/lab/etc.up,workdir=/run/lab/etc.work overlay /etc
  bash "$(dirname "$0")/etc.sh" "$name"
fi
mv "$home/pid.new" "$home/pid"
trap '' HUP INT TERM
while :; do sleep 3600 & wait $! || true; done
