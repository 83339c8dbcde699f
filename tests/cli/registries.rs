//! Image registries from a shell: Debian's real one, with passwords, with tokens, over TLS.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wharf_lab::Lab;

use crate::bench::Bench;

/// The password of ann, and how the registry keeps it.
const PASSWORD: &str = "s3cret-of-ann";
const KEPT: &str = "ann:$2y$05$";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A registry that runs until it is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs Debian's docker-registry with what is kept in that directory, and with more lines of configuration.
fn run(dir: &Path, name: &str, http: &str, more: &str) -> Running {
    let file = dir.join(format!("{name}.yml"));
    let store = dir.join("store");
    let text = format!(
        "version: 0.1\nlog: {{level: info, formatter: json}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: {}}}}}\n\
         http:\n  addr: 127.0.0.1:0\n{http}{more}",
        store.display(),
        name != "kept"
    );
    fs::write(&file, text).unwrap();
    let mut child = Command::new("docker-registry")
        .arg("serve")
        .arg(&file)
        .env("OTEL_TRACES_EXPORTER", "none")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker-registry is installed by tests/lab/install.sh");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            let said: Value = serde_json::from_str(&line).ok()?;
            let said = said["msg"].as_str()?.to_owned();
            let at = said.strip_prefix("listening on ")?.to_owned();
            Some(at.split(',').next()?.to_owned())
        })
        .expect("the registry says where it listens");
    // It must not block on what nobody reads.
    std::thread::spawn(move || lines.for_each(drop));
    Running { child, address }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", wharf::model::hex(&Sha256::digest(bytes)))
}

/// Puts things into a registry that asks for nothing, by the protocol and not by the program that is tested.
struct Seed {
    http: reqwest::Client,
    base: String,
    runtime: tokio::runtime::Runtime,
}

impl Seed {
    fn of(registry: &Running) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::new(),
            base: format!("http://{}", registry.address),
            runtime: tokio::runtime::Runtime::new().unwrap(),
        }
    }

    fn blob(&self, repository: &str, bytes: &[u8]) -> Value {
        let sum = digest(bytes);
        self.runtime.block_on(async {
            let url = format!("{}/v2/{repository}/blobs/uploads/", self.base);
            let begun = self.http.post(url).send().await.unwrap();
            let place = begun.headers()["location"].to_str().unwrap().to_owned();
            let joint = if place.contains('?') { '&' } else { '?' };
            let put = self.http.put(format!("{place}{joint}digest={sum}"));
            let put = put.body(bytes.to_vec()).send().await.unwrap();
            assert_eq!(put.status(), 201);
        });
        json!({"mediaType": "application/octet-stream", "digest": sum, "size": bytes.len()})
    }

    fn manifest(&self, repository: &str, name: &str, kind: &str, text: &Value) -> String {
        let bytes = serde_json::to_vec(text).unwrap();
        let url = format!("{}/v2/{repository}/manifests/{name}", self.base);
        let put = self.http.put(url).header("content-type", kind);
        let sent = put.body(bytes.clone()).send();
        let status = self.runtime.block_on(sent).unwrap().status();
        assert_eq!(status, 201);
        digest(&bytes)
    }

    /// An image with one layer of so many bytes; answers its digest.
    fn image(
        &self,
        repository: &str,
        names: &[&str],
        size: usize,
        platform: (&str, &str),
    ) -> String {
        let layer = self.blob(repository, &vec![u8::try_from(size % 251).unwrap(); size]);
        let config = json!({"created": "2026-01-02T03:04:05Z", "os": platform.0, "architecture": platform.1,
            "config": {"Entrypoint": ["/bin/api"], "Labels": {"team": "shop"}}, "rootfs": {}});
        let config = self.blob(repository, &serde_json::to_vec(&config).unwrap());
        let text =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let all = names
            .iter()
            .map(|name| self.manifest(repository, name, MANIFEST, &text));
        let all: BTreeSet<String> = all.collect();
        assert_eq!(all.len(), 1);
        all.into_iter().next().unwrap()
    }

    /// A list of images for two platforms; answers the digests of the list and of the images.
    fn list(&self, repository: &str, name: &str) -> (String, Vec<String>) {
        let images: Vec<(String, &str)> = [("amd64", 700), ("arm64", 900)]
            .map(|(machine, size)| {
                let tag = format!("{name}-{machine}");
                let digest = self.image(repository, &[&tag], size, ("linux", machine));
                (digest, machine)
            })
            .into();
        let listed: Vec<Value> = images
            .iter()
            .map(|(digest, machine)| {
                json!({"mediaType": MANIFEST, "digest": digest, "size": 1,
                    "platform": {"os": "linux", "architecture": machine}})
            })
            .collect();
        let text = json!({"schemaVersion": 2, "mediaType": LIST, "manifests": listed});
        let digest = self.manifest(repository, name, LIST, &text);
        (
            digest,
            images.into_iter().map(|(digest, _)| digest).collect(),
        )
    }
}

/// A bench that knows those registries, with ann's login for each.
fn bench(registries: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    let text = fs::read_to_string(bench.file()).unwrap();
    let sections = registries
        .iter()
        .map(|(address, more)| format!("\n[[registry]]\nhost = \"{address}\"\n{more}\n"));
    let sections: String = sections.collect();
    fs::write(bench.file(), text + &sections).unwrap();
    let hosts: Vec<&str> = registries.iter().map(|(address, _)| *address).collect();
    login(&bench, &hosts, PASSWORD);
    bench
}

fn login(bench: &Bench, hosts: &[&str], password: &str) {
    let auth = STANDARD.encode(format!("ann:{password}"));
    let auths: serde_json::Map<String, Value> = hosts
        .iter()
        .map(|host| ((*host).to_owned(), json!({"auth": auth})))
        .collect();
    let dir = bench.home().join(".docker");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.json"), json!({"auths": auths}).to_string()).unwrap();
}

/// A file with ann's password as registries keep it.
fn passwords(dir: &Path) -> PathBuf {
    let file = dir.join("passwords");
    let made = Command::new("htpasswd")
        .args(["-nbB", "ann", PASSWORD])
        .output()
        .expect("htpasswd is installed by tests/lab/install.sh");
    let line = String::from_utf8(made.stdout).unwrap();
    assert!(line.starts_with(KEPT), "{line}");
    fs::write(&file, line).unwrap();
    file
}

fn with_password(dir: &Path) -> String {
    format!(
        "auth: {{htpasswd: {{realm: here, path: {}}}}}\n",
        passwords(dir).display()
    )
}

#[test]
fn what_is_in_a_registry_is_listed_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let open = run(dir.path(), "open", "", "");
    let seed = Seed::of(&open);
    let registry = &open.address;
    let image = seed.image(
        "shop/api",
        &["1.9", "1.10", "latest"],
        5000,
        ("linux", "amd64"),
    );
    let (list, _) = seed.list("shop/many", "2");
    // The registry gives out a hundred at a time at most, and says where it goes on.
    let empty = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": seed.blob("many/r0", b"{}")});
    for at in 0..230 {
        let repository = format!("many/r{at}");
        seed.blob(&repository, b"{}");
        seed.manifest(&repository, "1", MANIFEST, &empty);
    }
    let bench = bench(&[]);
    let all = bench
        .say(&format!("registry repositories {registry} -o json"))
        .ended(0)
        .json();
    let all: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(all.len(), 232);
    assert_eq!(all[..3], ["many/r0", "many/r1", "many/r2"]);
    assert_eq!(all[231], "shop/many");
    let some = bench
        .say(&format!(
            "registry repositories {registry} --match 'shop/*'"
        ))
        .ended(0);
    assert_eq!(
        some.lines(),
        [
            format!("{registry}/shop/api"),
            format!("{registry}/shop/many")
        ]
    );

    let tags = bench
        .say(&format!("registry tags {registry}/shop/api"))
        .ended(0);
    let lines = tags.lines();
    assert!(
        lines[0].starts_with("TAG") && lines[0].ends_with("PLATFORMS"),
        "{lines:?}"
    );
    let first: Vec<&str> = lines[1..]
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(first, ["1.9", "1.10", "latest"]);
    assert!(
        lines[1].contains(&image[..19]) && lines[1].contains("linux/amd64"),
        "{lines:?}"
    );
    let many = bench
        .say(&format!("registry tags {registry}/shop/many -o json"))
        .ended(0)
        .json();
    let of_list = many
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["tag"] == "2")
        .unwrap();
    assert_eq!(of_list["digest"], *list);
    assert_eq!(of_list["platforms"], json!(["linux/amd64", "linux/arm64"]));

    let shown = bench
        .say(&format!("registry show {registry}/shop/api:latest"))
        .ended(0)
        .out;
    for part in [
        &*image,
        "1.9, 1.10, latest",
        "linux/amd64",
        "/bin/api",
        "team=shop",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let by_digest = bench
        .say(&format!(
            "registry show {registry}/shop/api@{image} -o json"
        ))
        .ended(0);
    assert_eq!(by_digest.json()["tags"], json!(["1.9", "1.10", "latest"]));
    bench
        .say(&format!("registry tags {registry}/shop/none"))
        .ended(1)
        .complains(&format!(
            "there is no {registry}/shop/none; see `wharf registry repositories"
        ));
    bench
        .say(&format!("registry show {registry}/shop/api:0"))
        .ended(1)
        .complains("see `wharf registry tags");
}

#[test]
fn a_digest_that_another_tag_holds_is_never_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let open = run(dir.path(), "open", "", "");
    let seed = Seed::of(&open);
    let registry = &open.address;
    seed.image("shop/api", &["1.2", "prod"], 300, ("linux", "amd64"));
    seed.image("shop/api", &["1.1"], 400, ("linux", "amd64"));
    let (_, of_list) = seed.list("shop/many", "2");
    let bench = bench(&[]);
    let tags = || {
        let said = bench
            .say(&format!("registry tags {registry}/shop/api -o name"))
            .ended(0);
        said.lines()
            .iter()
            .map(|line| line.rsplit(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let delete = |names: &str| {
        let names: Vec<String> = names
            .split(' ')
            .map(|name| format!("{registry}/{name}"))
            .collect();
        bench.say(&format!("registry delete {} --yes", names.join(" ")))
    };
    bench
        .say(&format!("registry delete {registry}/shop/api:1.1"))
        .ended(3);
    delete("shop/api:1.2")
        .ended(1)
        .says("and so is prod: a registry deletes manifests, not names; name them too");
    // One of several that cannot go keeps all of them.
    delete("shop/api:1.1 shop/api:1.2").ended(1);
    assert_eq!(tags(), ["1.1", "1.2", "prod"]);
    delete("shop/api:1.1").ended(0);
    assert_eq!(tags(), ["1.2", "prod"]);
    delete("shop/api:1.2 shop/api:prod").ended(0);
    assert_eq!(tags(), Vec::<String>::new());
    // An image that a list holds goes only with the list.
    delete(&format!("shop/many@{}", of_list[0]))
        .ended(1)
        .says("and so is 2, 2-amd64");
    delete("shop/many:2 shop/many:2-amd64").ended(0);

    let kept = run(dir.path(), "kept", "", "");
    seed.image("shop/api", &["3"], 500, ("linux", "amd64"));
    bench
        .say(&format!(
            "registry delete {}/shop/api:3 --yes",
            kept.address
        ))
        .ended(1)
        .says("REGISTRY_STORAGE_DELETE_ENABLED=true");
}

#[test]
fn the_same_bytes_get_another_name_here_and_elsewhere() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = run(dir.path(), "open", "", "");
    let far = run(other.path(), "far", "", &with_password(other.path()));
    let seed = Seed::of(&open);
    let (from, to) = (&open.address, &far.address);
    let image = seed.image("shop/api", &["rt67"], 3 << 20, ("linux", "amd64"));
    let later = seed.image("shop/api", &["rt68"], 300, ("linux", "amd64"));
    let (list, _) = seed.list("shop/many", "2");
    let bench = bench(&[(to, "plain_http = true")]);
    let digest_of = |name: &str| {
        let shown = bench
            .say(&format!("registry show {name} -o json"))
            .ended(0)
            .json();
        shown["digest"].as_str().unwrap().to_owned()
    };
    let promote = |line: &str| bench.say(&format!("registry promote {from}/{line}"));
    let said = promote(&format!("shop/api:rt67 :latest --expect {image}")).ended(0);
    assert!(said.out.contains(&image), "{said:?}");
    assert_eq!(digest_of(&format!("{from}/shop/api:latest")), image);
    // What moved since is not promoted.
    promote(&format!("shop/api:rt68 :prod --expect {image}"))
        .ended(1)
        .says(&format!("rt68 is {later} now, not {image}"));
    let over = promote("shop/api:rt68 :latest").ended(0);
    assert!(
        over.out.contains(&format!("{later}, before it {image}")),
        "{over:?}"
    );
    let again = promote("shop/api:rt68 :latest").ended(0);
    assert!(again.out.contains("it was already"), "{again:?}");
    // Another repository takes the layers from the first one; another registry gets them carried over.
    promote(&format!("shop/api:rt67 {from}/live/api:1")).ended(0);
    assert_eq!(digest_of(&format!("{from}/live/api:1")), image);
    promote(&format!("shop/api:rt67 {to}/live/api:1")).ended(0);
    assert_eq!(digest_of(&format!("{to}/live/api:1")), image);
    promote(&format!("shop/many:2 {to}/live/many:2")).ended(0);
    assert_eq!(digest_of(&format!("{to}/live/many:2")), list);
    let acts = bench.say("audit list -o json").ended(0).json();
    let first = &acts.as_array().unwrap()[0];
    assert_eq!(
        first["sentence"],
        format!("registry promote {from}/shop/api:rt67 {from}/shop/api:latest --expect {image}")
    );
}

#[test]
fn a_login_opens_a_registry_and_is_kept_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let open = run(dir.path(), "open", "", "");
    let closed = run(dir.path(), "closed", "", &with_password(dir.path()));
    Seed::of(&open).image("shop/api", &["1"], 300, ("linux", "amd64"));
    let host = &closed.address;
    let bench = bench(&[(host, "plain_http = true")]);
    let tags = format!("registry tags {host}/shop/api -o name");
    assert_eq!(
        bench.say(&tags).ended(0).lines(),
        [format!("{host}/shop/api:1")]
    );
    let known = bench.say("registry list").ended(0).out;
    assert!(known.contains("online  ann"), "{known}");
    bench
        .say(&format!("registry promote {host}/shop/api:1 :2"))
        .ended(0);
    login(&bench, &[host], "another-password");
    bench.say(&tags).ended(1).complains(&format!(
        "{host} does not take the password of ann; log in again with `docker login {host}`"
    ));
    let known = bench.say("registry list -o json").ended(0).json();
    assert_eq!(known[0]["state"], "closed");
    login(&bench, &[], "");
    bench
        .say(&tags)
        .ended(1)
        .complains("nobody knows what to say; log in with `docker login");
    drop(closed);
    bench.say("registry list").ended(4);
    let files = walk(bench.home());
    let holds = |file: &PathBuf| {
        let bytes = fs::read(file).unwrap_or_default();
        bytes
            .windows(PASSWORD.len())
            .any(|part| part == PASSWORD.as_bytes())
    };
    let found: Vec<&PathBuf> = files.iter().filter(|file| holds(file)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(
        files.iter().any(|file| file.ends_with("wharf.db")),
        "{files:?}"
    );
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

fn openssl(dir: &Path, line: &str) -> Vec<u8> {
    let made = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    made.stdout
}

/// An authority `ca.pem`, and a key and a certificate of localhost that it signed.
fn certificates(dir: &Path) {
    openssl(
        dir,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=site -keyout ca.key -out ca.pem",
    );
    openssl(
        dir,
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout site.key -out site.csr",
    );
    fs::write(
        dir.join("names"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    )
    .unwrap();
    openssl(
        dir,
        "x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out site.pem",
    );
}

/// Gives out tokens as a token server does: to ann to pull and push, to nobody to pull, to no one to delete.
fn token_server(runtime: &tokio::runtime::Runtime, dir: PathBuf) -> String {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut part = [0; 4096];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut part).await.unwrap();
                assert!(read > 0, "a request ends");
                request.extend_from_slice(&part[..read]);
            }
            let text = String::from_utf8(request).unwrap();
            let answer = match token(&text, &dir) {
                Some(token) => json!({"token": token, "expires_in": 300}).to_string(),
                None => String::new(),
            };
            let status = if answer.is_empty() {
                "401 No"
            } else {
                "200 OK"
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            stream.write_all((head + &answer).as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}/token")
}

/// A token for what a request asks for, as far as its sender may have it.
fn token(request: &str, dir: &Path) -> Option<String> {
    let query = request.split(['?', ' ']).nth(2)?;
    let url = reqwest::Url::parse(&format!("http://x/?{query}")).ok()?;
    let login = request.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization")
            .then(|| value.to_owned())
    });
    let ann = format!("Basic {}", STANDARD.encode(format!("ann:{PASSWORD}")));
    let allowed: &[&str] = match login {
        None => &["pull"],
        Some(login) if login == ann => &["pull", "push", "*"],
        Some(_) => return None,
    };
    let access: Vec<Value> = url
        .query_pairs()
        .filter(|(key, _)| key == "scope")
        .map(|(_, scope)| {
            let parts: Vec<&str> = scope.split(':').collect();
            let actions: Vec<&str> = parts[2]
                .split(',')
                .filter(|one| allowed.contains(one))
                .collect();
            json!({"type": parts[0], "name": parts[1], "actions": actions})
        })
        .collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let pem = fs::read_to_string(dir.join("ca.pem")).unwrap();
    let der: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let head = json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
    let claims = json!({"iss": "site", "sub": "ann", "aud": "registry", "exp": now + 300, "nbf": now - 10,
        "iat": now, "jti": "1", "access": access});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&head), part(&claims));
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("signed");
    fs::write(&file, &signed).unwrap();
    let signature = openssl(
        dir,
        &format!("dgst -sha256 -sign ca.key {}", file.display()),
    );
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[test]
fn tokens_and_a_private_authority_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let open = run(dir.path(), "open", "", "");
    Seed::of(&open).image("shop/api", &["1"], 300, ("linux", "amd64"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let realm = token_server(&runtime, dir.path().to_owned());
    let path = |name: &str| dir.path().join(name).display().to_string();
    let tls = format!(
        "  tls: {{certificate: {}, key: {}}}\n",
        path("site.pem"),
        path("site.key")
    );
    let auth = format!(
        "auth: {{token: {{realm: {realm}, service: registry, issuer: site, rootcertbundle: {}}}}}\n",
        path("ca.pem")
    );
    let secure = run(dir.path(), "secure", &tls, &auth);
    let host = &secure.address;
    let strange = bench(&[(host, "")]);
    let tags = format!("registry tags {host}/shop/api -o name");
    strange
        .say(&tags)
        .ended(1)
        .complains("UnknownIssuer")
        .complains("[[registry]] with host and ca");
    let bench = bench(&[(host, &format!("ca = \"{}\"", path("ca.pem")))]);
    assert_eq!(
        bench.say(&tags).ended(0).lines(),
        [format!("{host}/shop/api:1")]
    );
    bench
        .say(&format!(
            "registry promote {host}/shop/api:1 {host}/live/api:1"
        ))
        .ended(0);
    let all = bench.say(&format!("registry repositories {host}")).ended(0);
    assert_eq!(
        all.lines(),
        [format!("{host}/live/api"), format!("{host}/shop/api")]
    );
    bench
        .say(&format!("registry delete {host}/live/api:1 --yes"))
        .ended(1)
        .says("as somebody who may do it");
    login(&bench, &[host], "another-password");
    bench
        .say(&tags)
        .ended(1)
        .complains("does not take the login");
    login(&bench, &[], "");
    bench.say(&tags).ended(0);
    bench
        .say(&format!("registry promote {host}/shop/api:1 :2"))
        .ended(1)
        .says("as somebody who may do it");
    // Docker's own place for authorities counts too.
    let own = strange.home().join(".docker/certs.d").join(host);
    fs::create_dir_all(&own).unwrap();
    fs::copy(path("ca.pem"), own.join("ca.crt")).unwrap();
    strange.say(&tags).ended(0);
}

#[test]
fn a_real_engine_pushes_and_pulls_with_our_login() {
    let lab = Lab::shared();
    let node = lab.disturb("node1");
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
         http: {{addr: ':5057'}}\n{}",
        dir.path().join("store").display(),
        with_password(dir.path())
    );
    fs::write(&config, text).unwrap();
    let serve = format!(
        "timeout 120 docker-registry serve {} >/dev/null 2>&1 & echo $!",
        config.display()
    );
    let registry = node.exec(&["sh", "-c", &serve]);
    let ip = node.exec(&[
        "sh",
        "-c",
        "ip -4 -o addr show scope global | sed 's/.*inet \\([0-9.]*\\).*/\\1/' | head -1",
    ]);
    let (near, far) = ("127.0.0.1:5057".to_owned(), format!("{}:5057", ip.trim()));
    let bench = bench(&[(&far, "plain_http = true")]);
    let config = fs::read_to_string(lab.wharf_config()).unwrap();
    fs::write(
        bench.file(),
        format!("{config}\n[[registry]]\nhost = \"{far}\"\nplain_http = true\n"),
    )
    .unwrap();
    login(&bench, &[&near, &far], PASSWORD);
    for _ in 0..100 {
        if bench.say("registry list").code == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let name = format!("{near}/lab/busybox:1");
    node.docker(&["tag", "lab/busybox:1", &name]);
    let pushed = bench.say(&format!("image push {name}@node1")).ended(0);
    let shown = bench
        .say(&format!("registry show {far}/lab/busybox:1 -o json"))
        .ended(0)
        .json();
    let digest = shown["digest"].as_str().unwrap();
    assert!(
        pushed.out.contains(digest),
        "{pushed:?} does not tell {digest}"
    );
    bench
        .say(&format!("image remove {name}@node1 --yes"))
        .ended(0);
    bench
        .say(&format!("image pull {name} --to @node1"))
        .ended(0);
    let digests = node.docker(&["image", "inspect", "-f", "{{.RepoDigests}}", &name]);
    assert!(digests.contains(digest), "{digests} does not tell {digest}");
    // Images are built on what is private there, by either builder.
    let context = dir.path().join("context");
    fs::create_dir(&context).unwrap();
    let recipe = format!("FROM {name}\nLABEL made=yes\n");
    fs::write(context.join("Dockerfile"), recipe).unwrap();
    let build = |builder: &str| {
        node.docker(&["rmi", "-f", &name]);
        let context = context.display();
        let line = format!("image build {context} --on @node1 --tag private:{builder}");
        bench.say(&format!("{line} --builder {builder} --no-cache"))
    };
    for builder in ["classic", "buildkit"] {
        build(builder).ended(0);
        let label = "{{.Config.Labels.made}}";
        let image = format!("private:{builder}");
        assert_eq!(
            node.docker(&["image", "inspect", "-f", label, &image])
                .trim(),
            "yes"
        );
        node.docker(&["rmi", &image]);
    }
    login(&bench, &[&near, &far], "another-password");
    for builder in ["classic", "buildkit"] {
        let refused = build(builder).ended(1);
        assert!(
            format!("{refused:?}")
                .to_lowercase()
                .contains("unauthorized"),
            "{builder}: {refused:?}"
        );
    }
    node.docker(&["tag", "lab/busybox:1", &name]);
    bench
        .say(&format!("image push {name}@node1"))
        .ended(1)
        .says("unauthorized");
    node.docker(&["rmi", &name]);
    node.exec(&["kill", registry.trim()]);
}
