//! The images of the simulated company, as a plain table.

/// An image that the fleet knows.
#[derive(Clone, Copy, Debug)]
pub struct ImageRow {
    /// Reference without tag, as a user writes it.
    pub repo: &'static str,
    /// Tag in use; older ones are derived from it.
    pub tag: &'static str,
    /// Size in MB.
    pub megabytes: u32,
    /// `ENTRYPOINT`, empty for none.
    pub entrypoint: &'static [&'static str],
    /// `CMD`.
    pub command: &'static [&'static str],
    /// `EXPOSE`d port, 0 for none.
    pub port: u16,
}

const fn image(
    repo: &'static str,
    tag: &'static str,
    megabytes: u32,
    entrypoint: &'static [&'static str],
    command: &'static [&'static str],
    port: u16,
) -> ImageRow {
    ImageRow {
        repo,
        tag,
        megabytes,
        entrypoint,
        command,
        port,
    }
}

const CORP: [&str; 1] = ["/app/server"];
const DOCKER: [&str; 1] = ["docker-entrypoint.sh"];

/// Every image of the company; what a service names must be here.
pub const IMAGES: &[ImageRow] = &[
    image(
        "nginx",
        "1.27.3-alpine",
        48,
        &["/docker-entrypoint.sh"],
        &["nginx", "-g", "daemon off;"],
        80,
    ),
    image(
        "haproxy",
        "3.0.5",
        105,
        &DOCKER,
        &["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
        8404,
    ),
    image(
        "traefik",
        "v3.1.6",
        186,
        &["/entrypoint.sh"],
        &["traefik"],
        80,
    ),
    image(
        "varnish",
        "7.6",
        291,
        &["/usr/local/bin/docker-varnish-entrypoint"],
        &[],
        80,
    ),
    image("postgres", "16.4", 432, &DOCKER, &["postgres"], 5432),
    image(
        "redis",
        "7.4.2-alpine",
        41,
        &DOCKER,
        &["redis-server", "--appendonly", "yes"],
        6379,
    ),
    image(
        "rabbitmq",
        "3.13-management",
        258,
        &DOCKER,
        &["rabbitmq-server"],
        5672,
    ),
    image(
        "opensearchproject/opensearch",
        "2.17.1",
        1310,
        &["./opensearch-docker-entrypoint.sh"],
        &["opensearch"],
        9200,
    ),
    image(
        "prom/prometheus",
        "v2.54.1",
        278,
        &["/bin/prometheus"],
        &["--config.file=/etc/prometheus/prometheus.yml"],
        9090,
    ),
    image("grafana/grafana", "11.2.2", 476, &["/run.sh"], &[], 3000),
    image(
        "grafana/loki",
        "3.2.0",
        84,
        &["/usr/bin/loki"],
        &["-config.file=/etc/loki/local-config.yaml"],
        3100,
    ),
    image(
        "prom/node-exporter",
        "v1.8.2",
        24,
        &["/bin/node_exporter"],
        &[],
        9100,
    ),
    image(
        "gcr.io/cadvisor/cadvisor",
        "v0.49.1",
        81,
        &["/usr/bin/cadvisor", "-logtostderr"],
        &[],
        8080,
    ),
    image(
        "quay.io/keycloak/keycloak",
        "25.0.6",
        441,
        &["/opt/keycloak/bin/kc.sh"],
        &["start"],
        8080,
    ),
    image(
        "minio/minio",
        "RELEASE.2024-10-02T17-50-41Z",
        168,
        &["/usr/bin/docker-entrypoint.sh"],
        &["minio", "server", "/data"],
        9000,
    ),
    image(
        "registry",
        "2.8.3",
        25,
        &["/entrypoint.sh"],
        &["/etc/docker/registry/config.yml"],
        5000,
    ),
    image("alpine", "3.20", 8, &[], &["/bin/sh"], 0),
    image(
        "registry.corp.example/shop/web",
        "4.12.0",
        212,
        &CORP,
        &[],
        8080,
    ),
    image(
        "registry.corp.example/shop/api",
        "4.12.0",
        187,
        &CORP,
        &["--listen", ":8080"],
        8080,
    ),
    image(
        "registry.corp.example/shop/checkout",
        "2.7.3",
        164,
        &CORP,
        &["--listen", ":8080"],
        8080,
    ),
    image(
        "registry.corp.example/shop/worker",
        "4.12.0",
        187,
        &["/app/worker"],
        &["--queues", "mail,stock"],
        0,
    ),
    image(
        "registry.corp.example/billing/api",
        "1.31.0",
        318,
        &["java"],
        &["-Xmx512m", "-jar", "/app/billing.jar"],
        8080,
    ),
    image(
        "registry.corp.example/billing/invoicer",
        "1.31.0",
        322,
        &["java"],
        &["-Xmx256m", "-jar", "/app/invoicer.jar"],
        0,
    ),
    image(
        "registry.corp.example/search/api",
        "0.9.14",
        96,
        &CORP,
        &["--listen", ":8080"],
        8080,
    ),
    image(
        "registry.corp.example/search/indexer",
        "0.9.14",
        98,
        &["/app/indexer"],
        &["--batch", "500"],
        0,
    ),
    image(
        "registry.corp.example/media/thumbs",
        "3.2.1",
        540,
        &["/app/thumbs"],
        &["--workers", "4"],
        8080,
    ),
    image(
        "registry.corp.example/media/transcoder",
        "3.2.1",
        895,
        &["/app/transcode"],
        &["--gpu", "off"],
        0,
    ),
    image(
        "registry.corp.example/ops/backup",
        "1.4.0",
        61,
        &["/app/backup"],
        &["--every", "6h"],
        0,
    ),
];

/// The row of `IMAGES` for a repository.
pub fn row_of(repo: &str) -> Option<&'static ImageRow> {
    IMAGES.iter().find(|row| row.repo == repo)
}
