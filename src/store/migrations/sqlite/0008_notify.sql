-- What happened that somebody may want to be told; each thing once.
create table notice (
    number integer not null primary key,
    key    text    not null unique,
    routed integer not null,
    body   text    not null
) strict;
create index notice_new on notice (number) where routed = 0;

-- What goes out through which channel: when it is due, who sends it now, and what came of it.
create table delivery (
    number  integer not null primary key,
    channel text    not null,
    same    text    not null,
    state   text    not null,
    held    integer not null,
    count   integer not null,
    created integer not null,
    due     integer not null,
    began   integer not null,
    until   integer not null,
    owner   text    not null,
    token   integer not null,
    tries   integer not null,
    ended   integer not null,
    message text    not null,
    told    text    not null,
    body    text    not null
) strict;
create index delivery_due on delivery (due) where state = 'waiting';
create index delivery_same on delivery (channel, same, number);

-- Up to where was looked, what was seen of hosts, and who looks.
create table notify_state (
    key   text    not null primary key,
    value text    not null,
    owner text    not null,
    until integer not null
) strict;
