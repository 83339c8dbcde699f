-- What somebody wants to deploy and others have to approve.
create table request (
    app         text    not null,
    environment text    not null,
    digest      text    not null,
    asker       text    not null,
    needed      bigint  not null,
    since       bigint  not null,
    until       bigint  not null,
    body        text    not null,
    primary key (app, environment, digest)
);

-- What each person said of one.
create table verdict (
    app         text    not null,
    environment text    not null,
    digest      text    not null,
    person      text    not null,
    signature   text    not null,
    approves    bigint  not null,
    reason      text,
    since       bigint  not null,
    primary key (app, environment, digest, person),
    foreign key (app, environment, digest) references request (app, environment, digest)
);
