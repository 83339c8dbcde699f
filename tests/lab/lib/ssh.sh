# sshd on the hosts, the operator's keys and ssh_config, and one named Host for each way in which SSH goes wrong.

# The operator's keys: the right one, one that no host knows, one with a passphrase ("locked") that hosts do know.
make_keys() {
  local key
  for key in id_ed25519 id_wrong; do ssh-keygen -q -t ed25519 -N '' -C "$key@$prefix" -f "$dir/$key"; done
  ssh-keygen -q -t ed25519 -N locked -C "id_locked@$prefix" -f "$dir/id_locked"
  cat "$dir/id_ed25519.pub" "$dir/id_locked.pub" >"$dir/authorized_keys.new"
  mv "$dir/authorized_keys.new" "$dir/authorized_keys"
}

# The sshds of a host besides the one on port 22: name, port, and what its sshd_config says more.
variants() {
  [ "$1" = node1 ] || return 0
  cat <<'LIST'
bad-unknown-key 2201
bad-changed-key 2202
few-sessions 2203 MaxSessions 1
no-sessions 2204 MaxSessions 0
no-forward 2205 DisableForwarding yes
banner 2206 Banner /etc/ssh/lab_banner
needs-password 2207 PubkeyAuthentication no;PasswordAuthentication yes
bad-hung 2208
LIST
}

sshd_up() {
  local name=$1 more='' variant port
  wait_for "the operator's keys" [ -s "$dir/authorized_keys" ]
  enter "$name" sh -c 'cat >/etc/ssh/lab_keys; printf "This host is the property of the lab.\nAll acts are recorded.\n" >/etc/ssh/lab_banner' <"$dir/authorized_keys"
  [ "$name" != node4 ] || more='DisableForwarding yes'
  one_sshd "$name" "$name" 22 "$more"
  while read -r variant port more; do one_sshd "$name" "$variant" "$port" "$more"; done < <(variants "$name")
  [ "$name" != node1 ] || enter node1 sh -c 'n=0; until [ -s /run/sshd-2208.pid ] || [ $n = 200 ]; do sleep 0.05; n=$((n + 1)); done; kill -STOP $(cat /run/sshd-2208.pid)' # bad-hung: accepts, and never says a word
}

one_sshd() { # host, name of this sshd, port, more configuration (lines divided by ;)
  local host=$1 base=$dir/hosts/$1/$2
  ssh-keygen -q -t ed25519 -N '' -C "$2" -f "$base.key"
  cat >"$base.sshd_config" <<CONF
Port $3
ListenAddress $(address "$host")
HostKey $base.key
PidFile /run/sshd-$3.pid
${4//;/$'\n'}
AuthorizedKeysFile /etc/ssh/lab_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
LogLevel VERBOSE
Subsystem sftp internal-sftp
CONF
  enter "$host" /usr/sbin/sshd -f "$base.sshd_config" -E "$base.sshd.log"
}

known_key() { # address, port, key file
  local where=$1
  [ "$2" = 22 ] || where="[$1]:$2"
  echo "$where $(cut -d' ' -f1,2 "$3.pub")"
}

write_known_hosts() {
  local name variant port
  for name in $(planned_hosts); do
    [ ! -e "$dir/hosts/$name/$name.key" ] || known_key "$(address "$name")" 22 "$dir/hosts/$name/$name.key"
    while read -r variant port _; do
      case $variant in
      bad-unknown-key) ;;
      bad-changed-key) known_key "$(address "$name")" "$port" "$dir/id_wrong" ;; # the key this host is said to have had
      *) known_key "$(address "$name")" "$port" "$dir/hosts/$name/$variant.key" ;;
      esac
    done < <(variants "$name")
  done
}

entry() { # name, address, further lines
  printf 'Host %s\n  HostName %s\n' "$1" "$2"
  [ $# -lt 3 ] || printf '  %s\n' "${@:3}"
}

write_ssh_config() {
  local name variant port node1
  node1=$(address node1)
  echo "# Written by tests/lab: use it with ssh -F, or as [ssh] config in wharf.toml."
  for name in $(planned_hosts); do
    case $name in
    "$hidden") entry "$name" "$(address "$name")" 'ProxyJump node1' ;;
    node*) entry "$name" "$(address "$name")" ;;
    esac
  done
  while read -r variant port _; do entry "$variant" "$node1" "Port $port"; done < <(variants node1)
  entry bad-auth "$node1" "IdentityFile $dir/id_wrong"
  entry bad-locked-key "$node1" "IdentityFile $dir/id_locked"
  entry bad-group "$node1" 'User guest'
  entry bad-nologin "$node1" 'User nologin'
  entry noisy "$node1" 'User noisy'
  entry bad-nodocker "$(address bare)"
  entry bad-daemon-down "$(address stopped)"
  entry bad-refused "$node1" 'Port 2299'
  entry bad-unreachable "$net.199"
  entry bad-dns 'no..such..name' # refused by the resolver library itself: nothing is asked of any name server
  entry bad-jump-key "$(address $hidden)" 'ProxyJump bad-unknown-key'
  entry bad-jump-auth "$(address $hidden)" 'ProxyJump bad-auth'
  entry bad-jump-locked "$(address $hidden)" 'ProxyJump bad-locked-key'
  cat <<CONF
Host * !bad-auth !bad-locked-key
  IdentityFile $dir/id_ed25519
Host *
  User ops
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile $dir/known_hosts
  GlobalKnownHostsFile /dev/null
  UpdateHostKeys no
CONF
}

write_client_files() {
  [ "$hosts" != 0 ] || return 0
  write_known_hosts >"$dir/known_hosts"
  write_ssh_config >"$dir/ssh_config"
  write_wharf_config >"$dir/wharf.toml"
}

# A configuration for wharf itself, with the hosts that work.
write_wharf_config() {
  local n environments=(prod dev qa prod stage)
  printf '# Written by tests/lab.\n[ssh]\nconfig = "%s/ssh_config"\n' "$dir"
  for n in $(seq "$hosts"); do
    printf '\n[[host]]\nname = "node%s"\nendpoint = "ssh://node%s"\nenvironment = "%s"\ngroups = ["lab"]\n' "$n" "$n" "${environments[n % 5]}"
  done
}
