//! A real nginx of Debian for one test, in a directory of its own.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use wharf::model::{BalancerKind, BalancerSpec, Machine, NginxSpec};

/// A running nginx; it ends when dropped. Its server is a socket, so that no port can be taken.
pub struct Web {
    dir: tempfile::TempDir,
    child: Child,
}

impl Web {
    /// As `wharf balancer render` has it.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("whng")
            .tempdir_in("/tmp")
            .unwrap();
        let at = dir.path().display();
        let text = format!(
            "user root;\nworker_processes 2;\ndaemon off;\npid {at}/pid;\nerror_log {at}/log;\nevents {{}}\n\
             http {{\n  access_log off;\n  client_body_temp_path {at}/body;\n  proxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/f;\n  uwsgi_temp_path {at}/u;\n  scgi_temp_path {at}/s;\n  include {at}/conf/*.conf;\n\
             server {{\n  listen unix:{at}/front.sock;\n  keepalive_timeout 0;\n  location / {{\n    proxy_pass http://$shop_pool;\n\
             proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n  }}\n}}\n}}\n"
        );
        fs::create_dir(dir.path().join("conf")).unwrap();
        fs::write(dir.path().join("nginx.conf"), text).unwrap();
        let rendered = wharf::clients::nginx::render(&wharf::clients::nginx::Blueprint {
            app: "shop".to_owned(),
            port: 80,
            file: "wharf.conf".to_owned(),
        });
        fs::write(dir.path().join("conf/wharf.conf"), rendered.unwrap()).unwrap();
        let child = Command::new("setpriv")
            // So that it ends with the test, however that ends.
            .args(["--pdeathsig", "TERM", "/usr/sbin/nginx", "-c"])
            .arg(dir.path().join("nginx.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv is needed: install util-linux");
        let web = Self { dir, child };
        let start = Instant::now();
        while UnixStream::connect(web.path("front.sock")).is_err() || !web.path("pid").exists() {
            let log = fs::read_to_string(web.path("log")).unwrap_or_default();
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "nginx is installed by tests/lab/install.sh: {log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        web
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How it would be configured, reached on this machine.
    pub fn spec(&self) -> BalancerSpec {
        let at = self.dir.path().display();
        BalancerSpec {
            name: Arc::from("web"),
            kind: BalancerKind::Nginx(Arc::new(NginxSpec {
                file: Arc::from(format!("{at}/conf/wharf.conf")),
                check: Arc::from(format!("nginx -t -q -c {at}/nginx.conf")),
                reload: Arc::from(format!("nginx -s reload -c {at}/nginx.conf")),
                pid: Arc::from(format!("{at}/pid")),
            })),
            machine: Machine::Here,
            socket: Arc::from(""),
            map: None,
            state: None,
            config: None,
            environment: None,
            read_only: false,
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let master = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(master, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
