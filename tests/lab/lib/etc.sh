# Fills a host's private /etc: its name, its accounts, and a resolver that refuses at once.
set -euo pipefail
name=$1
rm -f /etc/resolv.conf
echo 'nameserver 127.0.0.1' >/etc/resolv.conf
echo "$name" >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >/etc/hosts

# Debian's /etc/init.d/docker mounts every hierarchy of groups that the kernel knows, also those that this machine has not
# mounted; the kernel keeps them, and from then on no engine of this machine measures a container. This line holds it off.
echo 'cgroup /sys/fs/cgroup tmpfs defaults 0 0' >>/etc/fstab

# Accounts: ops may use Docker; guest may log in but is not in the docker group; nologin has no shell; noisy's shell talks
# before every command. All have the password "lab", which only the sshd that asks for one accepts.
getent group docker >/dev/null || groupadd --system docker
docker_group=$(getent group docker | cut -d: -f3)
hash=$(openssl passwd -6 -salt lab lab)
account() { # name uid gid shell
  sed -i "/^$1:/d" /etc/passwd /etc/shadow
  echo "$1:x:$2:$3::/run/home/$1:$4" >>/etc/passwd
  echo "$1:$hash:19000:0:99999:7:::" >>/etc/shadow
  mkdir -p "/run/home/$1"
  chown "$2:$3" "/run/home/$1"
}
account root 0 0 /bin/bash
account ops 2001 "$docker_group" /bin/bash
account guest 2002 100 /bin/bash
account nologin 2003 "$docker_group" /usr/sbin/nologin
account noisy 2004 "$docker_group" /bin/bash
echo 'echo "Welcome to the jungle, it is $(date)"' >/run/home/noisy/.bashrc
