-- What the console remembers between runs: chosen columns and the like.
create table setting (
    key   text not null primary key,
    value text not null
);
