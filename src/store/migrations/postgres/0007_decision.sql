-- The last decision about each service whose replicas follow its load.
create table decision (
    key  text not null primary key,
    body text not null
);
