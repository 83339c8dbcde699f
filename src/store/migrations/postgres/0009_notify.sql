-- What happened that somebody may want to be told; each thing once.
create table notice (
    number bigint not null primary key,
    key    text    not null unique,
    routed bigint  not null,
    body   text    not null
);
create index notice_new on notice (number) where routed = 0;

-- What goes out through which channel: when it is due, who sends it now, and what came of it.
create table delivery (
    number  bigint  not null primary key,
    channel text    not null,
    same    text    not null,
    state   text    not null,
    held    bigint  not null,
    count   bigint  not null,
    created bigint  not null,
    due     bigint  not null,
    began   bigint  not null,
    until   bigint  not null,
    owner   text    not null,
    token   bigint  not null,
    tries   bigint  not null,
    ended   bigint  not null,
    message text    not null,
    told    text    not null,
    body    text    not null
);
create index delivery_due on delivery (due) where state = 'waiting';
create index delivery_same on delivery (channel, same, number);

-- Up to where was looked, what was seen of hosts, and who looks.
create table notify_state (
    key   text    not null primary key,
    value text    not null,
    owner text    not null,
    until bigint  not null
);
