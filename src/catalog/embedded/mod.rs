//! The templates that Wharf brings; a test compares the list with the folder.

/// File name and text of each.
pub(super) const ALL: &[(&str, &str)] = &[
    ("etcd.yaml", include_str!("etcd.yaml")),
    ("haproxy.yaml", include_str!("haproxy.yaml")),
    ("jenkins.yaml", include_str!("jenkins.yaml")),
    ("logs.yaml", include_str!("logs.yaml")),
    (
        "mariadb-replication.yaml",
        include_str!("mariadb-replication.yaml"),
    ),
    ("memcached.yaml", include_str!("memcached.yaml")),
    ("monitoring.yaml", include_str!("monitoring.yaml")),
    ("nginx.yaml", include_str!("nginx.yaml")),
    ("postgres.yaml", include_str!("postgres.yaml")),
    ("rabbitmq.yaml", include_str!("rabbitmq.yaml")),
    ("redis.yaml", include_str!("redis.yaml")),
    ("registry.yaml", include_str!("registry.yaml")),
    ("web-app.yaml", include_str!("web-app.yaml")),
];
