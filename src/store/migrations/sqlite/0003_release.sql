-- Releases of apps: immutable, each with its number among those of its app in its environment.
create table release (
    app         text    not null,
    environment text    not null,
    number      integer not null,
    body        text    not null,
    primary key (app, environment, number)
) strict;

create trigger release_stays before update on release
begin
    select raise(abort, 'a release never changes');
end;

-- The deploy of each release: how far it is, who works on it, and until when that is believed.
create table deploy (
    app         text    not null,
    environment text    not null,
    number      integer not null,
    phase       text    not null,
    wish        text    not null,
    detail      text    not null,
    worker      text    not null,
    owner       text    not null,
    token       integer not null,
    until       integer not null,
    since       integer not null,
    body        text    not null,
    primary key (app, environment, number)
) strict;

-- One at a time for each app in each environment.
create unique index deploy_open on deploy (app, environment)
where phase in ('rolling', 'rolling-back', 'paused');
