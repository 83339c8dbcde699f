# What runs on the hosts: one image made here (no registry is reached), and a few containers with stable names.

# The image lab/busybox:1 as an archive that `docker load` and `podman load` read; the same bytes each time, so the same id everywhere.
make_image() {
  local work=$dir/image applet id
  mkdir -p "$work/root/bin" "$work/root/etc" "$work/root/tmp" "$work/root/www" "$work/root/var/run"
  cp "$(command -v busybox)" "$work/root/bin/busybox"
  for applet in sh cat date echo env false httpd kill ls mkdir mv ps rm seq sleep stat stty tail test top touch true wc yes; do ln -s busybox "$work/root/bin/$applet"; done
  echo 'root:x:0:0::/:/bin/sh' >"$work/root/etc/passwd"
  echo 'the lab says hello' >"$work/root/www/index.html"
  tar -C "$work/root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" .
  id=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  echo "{\"architecture\":\"$(dpkg --print-architecture)\",\"os\":\"linux\",\"created\":\"2024-01-01T00:00:00Z\",\"config\":{\"Cmd\":[\"sh\"],\"Env\":[\"PATH=/bin\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$id\"]}}" >"$work/config.json"
  echo '[{"Config":"config.json","RepoTags":["lab/busybox:1"],"Layers":["layer.tar"]}]' >"$work/manifest.json"
  tar -C "$work" --mtime=@0 -cf "$dir/image.new" manifest.json config.json layer.tar
  rm -rf "$work"
  mv "$dir/image.new" "$dir/image.tar"
}

# web-1 is healthy while /tmp/sick does not exist; ticker-1 says a line each second; broken-1 has ended with code 1.
load_up() {
  wait_for "the image" [ -s "$dir/image.tar" ]
  docker_on "$1" load -qi "$dir/image.tar"
  start_load docker_on "$1"
}

start_load() { # the command that runs docker or podman there
  local app=(--label com.docker.compose.project=shop --label com.docker.compose.container-number=1)
  "$@" create --name web-1 "${app[@]}" --label com.docker.compose.service=web --publish 8080:80 --restart unless-stopped \
    --health-cmd 'test ! -e /tmp/sick' --health-interval 2s --health-retries 1 lab/busybox:1 sh -c 'trap "exit 0" TERM; httpd -f -h /www & wait'
  "$@" create --name worker-1 "${app[@]}" --label com.docker.compose.service=worker --restart always --env SECRET_TOKEN=hush \
    lab/busybox:1 sh -c 'trap "exit 0" TERM; echo working; while :; do sleep 1; done'
  "$@" create --name ticker-1 "${app[@]}" --label com.docker.compose.service=ticker --restart unless-stopped \
    lab/busybox:1 sh -c 'trap "exit 0" TERM; n=0; while :; do n=$((n+1)); echo "tick $n"; sleep 1; done'
  "$@" create --name broken-1 lab/busybox:1 sh -c 'echo "cannot open /etc/app.conf" >&2; exit 1'
  "$@" start web-1 worker-1 ticker-1 broken-1
}
