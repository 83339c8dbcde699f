# Engines without SSH: a dockerd on a unix socket, TCP and TLS, and a Podman; and the files that clients need.

engine_options() {
  printf '%s\n' -H unix:///run/docker.sock -H "unix://$dir/docker.sock"
}
