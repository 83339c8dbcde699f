-- Releases of apps: immutable, each with its number among those of its app in its environment.
create table release (
    app         text    not null,
    environment text    not null,
    number      bigint not null,
    body        text    not null,
    primary key (app, environment, number)
);

create function release_stays() returns trigger language plpgsql as $rule$
begin
    raise exception 'a release never changes';
end
$rule$;
create trigger release_stays before update on release for each row execute procedure release_stays();

-- The deploy of each release: how far it is, who works on it, and until when that is believed.
create table deploy (
    app         text    not null,
    environment text    not null,
    number      bigint not null,
    phase       text    not null,
    wish        text    not null,
    detail      text    not null,
    worker      text    not null,
    owner       text    not null,
    token       bigint not null,
    until       bigint not null,
    since       bigint not null,
    body        text    not null,
    primary key (app, environment, number)
);

-- One at a time for each app in each environment.
create unique index deploy_open on deploy (app, environment)
where phase in ('rolling', 'rolling-back', 'paused');
