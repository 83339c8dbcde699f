-- Hosts in maintenance: what was stopped there and taken out of traffic.
create table maintenance (
    host text not null primary key,
    body text not null
);
