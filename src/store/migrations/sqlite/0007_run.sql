-- Runs of pipelines: how far each is, who works on it, and until when that is believed.
create table run (
    number   integer not null primary key,
    pipeline text    not null,
    key      text    not null,
    status   text    not null,
    wish     text    not null,
    worker   text    not null,
    owner    text    not null,
    token    integer not null,
    until    integer not null,
    changed  integer not null,
    body     text    not null
) strict;
create index run_changed on run (changed);
create index run_pipeline on run (pipeline, number);
create index run_open on run (number) where status in ('pending', 'running', 'blocked');

-- One at a time for each key.
create unique index run_one on run (key) where status = 'running';

-- What their steps wrote: parts with the number of the first line, and where the log of the container was read up to.
create table run_log (
    run   integer not null,
    step  text    not null,
    first integer not null,
    count integer not null,
    mark  text    not null,
    lines text    not null,
    primary key (run, step, first)
) strict;

-- What people said to steps that asked.
create table run_reply (
    run    integer not null,
    step   text    not null,
    person text    not null,
    body   text    not null,
    primary key (run, step, person)
) strict;

-- What suites of tests said, for gates.
create table suite_result (
    run         integer not null,
    step        text    not null,
    suite       text    not null,
    environment text    not null,
    at          integer not null,
    body        text    not null,
    primary key (run, step)
) strict;
create index suite_last on suite_result (suite, at);

-- What was seen last of what starts pipelines.
create table seen (
    key   text not null primary key,
    value text not null
) strict;
