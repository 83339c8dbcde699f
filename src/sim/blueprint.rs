//! What a fleet of a middling company runs: apps and their services, as plain tables.

/// How a container's log reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// nginx's access log, errors on stderr.
    Access,
    /// One JSON object a line.
    Json,
    /// Logger, thread and level, now and then a stack trace over several lines.
    Java,
    /// PostgreSQL's server log.
    Postgres,
    /// Short lines with colours.
    Colour,
    /// A line in a minute or so.
    Quiet,
}

/// One service of an app.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Compose's service name.
    pub name: &'static str,
    /// The repository of a row of `IMAGES`.
    pub image: &'static str,
    /// Port on the host for the image's port; 0 publishes nothing.
    pub publish: u16,
    /// Volume and where it is mounted; empty for none.
    pub volume: (&'static str, &'static str),
    /// Directory of the host and where it is mounted, read-only; empty for none.
    pub bind: (&'static str, &'static str),
    /// Environment; a value of `?` becomes a generated secret.
    pub env: &'static [&'static str],
    /// The health check's command; empty for none.
    pub probe: &'static str,
    /// Memory limit in MB, 0 for none.
    pub memory: u32,
    /// Mean CPU in cores.
    pub load: f64,
    /// How its log reads.
    pub voice: Voice,
    /// Whether more replicas of it make sense.
    pub scales: bool,
}

const PLAIN: Service = Service {
    name: "",
    image: "",
    publish: 0,
    volume: ("", ""),
    bind: ("", ""),
    env: &[],
    probe: "",
    memory: 0,
    load: 0.02,
    voice: Voice::Quiet,
    scales: false,
};

/// An app: services released together.
#[derive(Clone, Copy, Debug)]
pub struct App {
    /// Compose's project name.
    pub name: &'static str,
    /// The group of hosts that runs it first.
    pub group: &'static str,
    /// Its services.
    pub services: &'static [Service],
}

const CURL: &str = "curl -fsS http://localhost:8080/healthz || exit 1";

/// The company's apps.
pub const APPS: &[App] = &[
    App {
        name: "shop",
        group: "web",
        services: SHOP,
    },
    App {
        name: "billing",
        group: "db",
        services: BILLING,
    },
    App {
        name: "search",
        group: "web",
        services: SEARCH,
    },
    App {
        name: "monitoring",
        group: "*",
        services: MONITORING,
    },
    App {
        name: "edge",
        group: "edge",
        services: EDGE,
    },
    App {
        name: "auth",
        group: "edge",
        services: AUTH,
    },
    App {
        name: "media",
        group: "batch",
        services: MEDIA,
    },
    App {
        name: "backup",
        group: "db",
        services: BACKUP,
    },
];

const SHOP: &[Service] = &[
    Service {
        name: "web",
        image: "registry.corp.example/shop/web",
        publish: 8080,
        probe: CURL,
        memory: 256,
        load: 0.12,
        voice: Voice::Access,
        scales: true,
        env: &[
            "NODE_ENV=production",
            "API_URL=http://api:8080",
            "SESSION_SECRET=?",
        ],
        ..PLAIN
    },
    Service {
        name: "api",
        image: "registry.corp.example/shop/api",
        publish: 8081,
        probe: CURL,
        memory: 512,
        load: 0.25,
        voice: Voice::Json,
        scales: true,
        env: &[
            "LOG_LEVEL=info",
            "DB_HOST=db",
            "DB_USER=shop",
            "DB_PASSWORD=?",
            "REDIS_URL=redis://cache:6379/0",
            "STRIPE_API_KEY=?",
        ],
        ..PLAIN
    },
    Service {
        name: "checkout",
        image: "registry.corp.example/shop/checkout",
        memory: 384,
        load: 0.09,
        voice: Voice::Json,
        probe: CURL,
        scales: true,
        env: &[
            "DB_HOST=db",
            "DB_USER=checkout",
            "DB_PASSWORD=?",
            "JWT_SECRET=?",
        ],
        ..PLAIN
    },
    Service {
        name: "worker",
        image: "registry.corp.example/shop/worker",
        memory: 256,
        load: 0.18,
        voice: Voice::Colour,
        scales: true,
        env: &["DB_PASSWORD=?", "AMQP_URL=amqp://shop:hunter2@queue:5672/"],
        ..PLAIN
    },
    Service {
        name: "db",
        image: "postgres",
        volume: ("pgdata", "/var/lib/postgresql/data"),
        memory: 1024,
        load: 0.15,
        voice: Voice::Postgres,
        probe: "pg_isready -U shop",
        env: &[
            "POSTGRES_USER=shop",
            "POSTGRES_PASSWORD=?",
            "PGDATA=/var/lib/postgresql/data",
        ],
        ..PLAIN
    },
    Service {
        name: "cache",
        image: "redis",
        volume: ("cache", "/data"),
        memory: 192,
        load: 0.03,
        probe: "redis-cli ping",
        ..PLAIN
    },
];

const BILLING: &[Service] = &[
    Service {
        name: "api",
        image: "registry.corp.example/billing/api",
        publish: 8090,
        probe: CURL,
        memory: 768,
        load: 0.2,
        voice: Voice::Java,
        scales: true,
        env: &[
            "JAVA_OPTS=-XX:+UseG1GC",
            "SPRING_PROFILES_ACTIVE=prod",
            "SPRING_DATASOURCE_PASSWORD=?",
        ],
        ..PLAIN
    },
    Service {
        name: "invoicer",
        image: "registry.corp.example/billing/invoicer",
        memory: 512,
        load: 0.07,
        voice: Voice::Java,
        scales: true,
        env: &["SPRING_DATASOURCE_PASSWORD=?", "SMTP_PASSWORD=?"],
        ..PLAIN
    },
    Service {
        name: "db",
        image: "postgres",
        volume: ("pgdata", "/var/lib/postgresql/data"),
        memory: 2048,
        load: 0.2,
        voice: Voice::Postgres,
        probe: "pg_isready -U billing",
        env: &["POSTGRES_USER=billing", "POSTGRES_PASSWORD=?"],
        ..PLAIN
    },
    Service {
        name: "queue",
        image: "rabbitmq",
        publish: 15672,
        volume: ("queue", "/var/lib/rabbitmq"),
        memory: 512,
        load: 0.06,
        probe: "rabbitmq-diagnostics -q ping",
        env: &["RABBITMQ_DEFAULT_USER=billing", "RABBITMQ_DEFAULT_PASS=?"],
        ..PLAIN
    },
];

const SEARCH: &[Service] = &[
    Service {
        name: "api",
        image: "registry.corp.example/search/api",
        publish: 8100,
        probe: CURL,
        memory: 256,
        load: 0.1,
        voice: Voice::Json,
        scales: true,
        env: &["OPENSEARCH_URL=http://engine:9200", "OPENSEARCH_PASSWORD=?"],
        ..PLAIN
    },
    Service {
        name: "indexer",
        image: "registry.corp.example/search/indexer",
        memory: 512,
        load: 0.45,
        voice: Voice::Colour,
        scales: true,
        ..PLAIN
    },
    Service {
        name: "engine",
        image: "opensearchproject/opensearch",
        volume: ("index", "/usr/share/opensearch/data"),
        memory: 4096,
        load: 0.6,
        voice: Voice::Java,
        env: &[
            "discovery.type=single-node",
            "OPENSEARCH_INITIAL_ADMIN_PASSWORD=?",
        ],
        ..PLAIN
    },
];

const MONITORING: &[Service] = &[
    Service {
        name: "node-exporter",
        image: "prom/node-exporter",
        publish: 9100,
        bind: ("/", "/host"),
        load: 0.01,
        ..PLAIN
    },
    Service {
        name: "cadvisor",
        image: "gcr.io/cadvisor/cadvisor",
        bind: ("/var/run", "/var/run"),
        memory: 200,
        load: 0.11,
        probe: "wget --quiet --tries=1 --spider http://localhost:8080/healthz || exit 1",
        ..PLAIN
    },
    Service {
        name: "prometheus",
        image: "prom/prometheus",
        publish: 9090,
        volume: ("metrics", "/prometheus"),
        bind: (
            "/srv/monitoring/prometheus.yml",
            "/etc/prometheus/prometheus.yml",
        ),
        memory: 1024,
        load: 0.2,
        ..PLAIN
    },
    Service {
        name: "grafana",
        image: "grafana/grafana",
        publish: 3000,
        volume: ("grafana", "/var/lib/grafana"),
        load: 0.03,
        voice: Voice::Json,
        env: &["GF_SECURITY_ADMIN_PASSWORD=?"],
        ..PLAIN
    },
    Service {
        name: "loki",
        image: "grafana/loki",
        publish: 3100,
        volume: ("logs", "/loki"),
        memory: 512,
        load: 0.08,
        ..PLAIN
    },
];

const EDGE: &[Service] = &[
    Service {
        name: "proxy",
        image: "traefik",
        publish: 80,
        bind: ("/var/run/docker.sock", "/var/run/docker.sock"),
        memory: 128,
        load: 0.14,
        voice: Voice::Access,
        ..PLAIN
    },
    Service {
        name: "lb",
        image: "haproxy",
        publish: 8404,
        bind: ("/srv/edge/haproxy", "/usr/local/etc/haproxy"),
        memory: 128,
        load: 0.09,
        voice: Voice::Access,
        scales: true,
        ..PLAIN
    },
    Service {
        name: "static",
        image: "nginx",
        publish: 8088,
        memory: 64,
        load: 0.02,
        voice: Voice::Access,
        probe: "wget -q --spider http://localhost/",
        scales: true,
        ..PLAIN
    },
    Service {
        name: "cache",
        image: "varnish",
        memory: 512,
        load: 0.05,
        scales: true,
        ..PLAIN
    },
];

const AUTH: &[Service] = &[
    Service {
        name: "keycloak",
        image: "quay.io/keycloak/keycloak",
        publish: 8443,
        memory: 1024,
        load: 0.16,
        voice: Voice::Java,
        probe: CURL,
        scales: true,
        env: &[
            "KC_DB=postgres",
            "KC_DB_PASSWORD=?",
            "KEYCLOAK_ADMIN=admin",
            "KEYCLOAK_ADMIN_PASSWORD=?",
        ],
        ..PLAIN
    },
    Service {
        name: "db",
        image: "postgres",
        volume: ("pgdata", "/var/lib/postgresql/data"),
        memory: 512,
        load: 0.05,
        voice: Voice::Postgres,
        probe: "pg_isready -U keycloak",
        env: &["POSTGRES_USER=keycloak", "POSTGRES_PASSWORD=?"],
        ..PLAIN
    },
];

const MEDIA: &[Service] = &[
    Service {
        name: "thumbs",
        image: "registry.corp.example/media/thumbs",
        publish: 8120,
        memory: 1024,
        load: 0.5,
        voice: Voice::Json,
        probe: CURL,
        scales: true,
        env: &[
            "S3_ENDPOINT=http://store:9000",
            "S3_ACCESS_KEY=media",
            "S3_SECRET_KEY=?",
        ],
        ..PLAIN
    },
    Service {
        name: "transcoder",
        image: "registry.corp.example/media/transcoder",
        memory: 2048,
        load: 0.9,
        voice: Voice::Colour,
        scales: true,
        env: &["S3_SECRET_KEY=?"],
        ..PLAIN
    },
    Service {
        name: "store",
        image: "minio/minio",
        publish: 9000,
        volume: ("objects", "/data"),
        load: 0.12,
        voice: Voice::Json,
        env: &["MINIO_ROOT_USER=media", "MINIO_ROOT_PASSWORD=?"],
        ..PLAIN
    },
];

const BACKUP: &[Service] = &[
    Service {
        name: "backup",
        image: "registry.corp.example/ops/backup",
        bind: ("/var/lib/docker/volumes", "/volumes"),
        memory: 128,
        load: 0.04,
        env: &[
            "RESTIC_REPOSITORY=s3:http://store.corp.example/backup",
            "RESTIC_PASSWORD=?",
        ],
        ..PLAIN
    },
    Service {
        name: "mirror",
        image: "registry",
        publish: 5000,
        volume: ("registry", "/var/lib/registry"),
        load: 0.02,
        voice: Voice::Json,
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::images_table::row_of;

    #[test]
    fn every_service_runs_an_image_of_the_table() {
        for service in APPS.iter().flat_map(|app| app.services) {
            assert!(row_of(service.image).is_some(), "{}", service.image);
        }
    }
}
