# Engines without SSH: a dockerd on a unix socket and plain TCP, one on TCP with TLS, and a Podman; and the files that
# their clients need. Written to the lab's directory: docker.sock, podman.sock, tls/ and tls-other/ (a client that the
# server does not know), and `engines` with one "way endpoint" in each line.

listen_options() {
  case $1 in
  plain) printf '%s\n' -H unix:///run/docker.sock -H "unix://$dir/docker.sock" -H "tcp://$(address plain):2375" --tls=false ;;
  tls)
    wait_for "the certificates" [ -s "$dir/tls/cert.pem" ]
    printf '%s\n' -H unix:///run/docker.sock -H "tcp://$(address tls):2376" --tlsverify \
      --tlscacert "$dir/tls/ca.pem" --tlscert "$dir/tls/server.pem" --tlskey "$dir/tls/server-key.pem"
    ;;
  esac
}

# Certificates, laid out as the docker command wants them in DOCKER_CERT_PATH.
make_certificates() {
  authority "$dir/tls"
  certificate "$dir/tls" server "subjectAltName=IP:$(address tls)" serverAuth
  certificate "$dir/tls" client 'subjectAltName=DNS:operator' clientAuth
  authority "$dir/tls-other"
  certificate "$dir/tls-other" client 'subjectAltName=DNS:stranger' clientAuth
  cp "$dir/tls/ca.pem" "$dir/tls-other/ca.pem"
  local set
  for set in tls-other tls; do
    mv "$dir/$set/client-key.pem" "$dir/$set/key.pem"
    mv "$dir/$set/client.pem" "$dir/$set/cert.pem"
  done
}

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
authority() { # directory
  mkdir -p "$1"
  openssl req -x509 "${new_key[@]}" -days 7 -subj "/CN=The lab's authority" -keyout "$1/ca-key.pem" -out "$1/ca.pem" 2>/dev/null
}
certificate() { # directory, name, subjectAltName, usage
  openssl req "${new_key[@]}" -subj "/CN=$2" -keyout "$1/$2-key.pem" -out "$1/$2.csr" 2>/dev/null
  openssl x509 -req -in "$1/$2.csr" -days 7 -CA "$1/ca.pem" -CAkey "$1/ca-key.pem" -CAcreateserial \
    -extfile <(printf '%s\nextendedKeyUsage=%s\n' "$3" "$4") -out "$1/$2.pem" 2>/dev/null
}

podman_up() {
  enter podman sh -c 'mkdir -p /etc/containers; cat >/etc/containers/containers.conf' <<'CONF'
[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
CONF
  mkdir -p /var/lib/containers
  enter podman sh -c 'mkdir /run/lab/containers; mount --bind /run/lab/containers /var/lib/containers'
  wait_for "the image" [ -s "$dir/image.tar" ]
  enter podman podman load -qi "$dir/image.tar"
  start_podman_load
  enter podman setsid --fork podman system service --time=0 "unix://$dir/podman.sock" </dev/null >>"$dir/hosts/podman/podman.log" 2>&1
  wait_for "Podman's service ($dir/hosts/podman/podman.log)" [ -S "$dir/podman.sock" ]
}

start_podman_load() {
  local create=(enter podman podman create --cgroup-parent "/$prefix/podman")
  "${create[@]}" --name web-1 --label app=shop localhost/lab/busybox:1 sh -c 'trap "exit 0" TERM; httpd -f -h /www & wait'
  "${create[@]}" --name ticker-1 --label app=shop localhost/lab/busybox:1 \
    sh -c 'trap "exit 0" TERM; n=0; while :; do n=$((n+1)); echo "tick $n"; sleep 1; done'
  enter podman podman start web-1 ticker-1
}

write_engines() {
  [ "$engines" = yes ] || return 0
  cat <<LIST
unix unix://$dir/docker.sock
tcp tcp://$(address plain):2375
tls tcp://$(address tls):2376
podman unix://$dir/podman.sock
LIST
}
